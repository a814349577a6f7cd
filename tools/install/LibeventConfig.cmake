# SPDX-License-Identifier: BSD-3-Clause
#
# find_package(Libevent [COMPONENTS core ...]) for an installed evoke.
#
# Components: core, pthreads, event (the all-in-one library, of which pthreads is
#             no part). Without COMPONENTS, all.
# Targets:    libevent::<component>
# Choice:     LIBEVENT_STATIC_LINK, set before find_package(), links archives;
#             without it the shared libraries are linked.
# Variables:  Libevent_FOUND, LIBEVENT_INCLUDE_DIRS, LIBEVENT_LIBRARIES,
#             LIBEVENT_VERSION
get_filename_component(_libevent_prefix
                       "${CMAKE_CURRENT_LIST_DIR}/@TO_PREFIX@" ABSOLUTE)
set(_libevent_libdir "${_libevent_prefix}/@LIBDIR@")

set(LIBEVENT_VERSION 2.1.12)
set(LIBEVENT_INCLUDE_DIRS "${_libevent_prefix}/include")
set(LIBEVENT_LIBRARIES "")

set(_libevent_all core pthreads event)
set(_libevent_file_core event_core)
set(_libevent_file_pthreads event_pthreads)
set(_libevent_file_event event)

set(_libevent_wanted ${${CMAKE_FIND_PACKAGE_NAME}_FIND_COMPONENTS})
if(NOT _libevent_wanted)
  set(_libevent_wanted ${_libevent_all})
endif()
if(pthreads IN_LIST _libevent_wanted)
  # It is linked with core, whose target must come first.
  list(REMOVE_ITEM _libevent_wanted core)
  list(INSERT _libevent_wanted 0 core)
endif()

set(${CMAKE_FIND_PACKAGE_NAME}_FOUND TRUE)
foreach(_libevent_component IN LISTS _libevent_wanted)
  set(${CMAKE_FIND_PACKAGE_NAME}_${_libevent_component}_FOUND FALSE)
  if(NOT _libevent_component IN_LIST _libevent_all)
    if(${CMAKE_FIND_PACKAGE_NAME}_FIND_REQUIRED_${_libevent_component})
      set(${CMAKE_FIND_PACKAGE_NAME}_FOUND FALSE)
      string(APPEND ${CMAKE_FIND_PACKAGE_NAME}_NOT_FOUND_MESSAGE
             "no component ${_libevent_component}; there are: ${_libevent_all}. ")
    endif()
    continue()
  endif()

  set(_libevent_name ${_libevent_file_${_libevent_component}})
  if(LIBEVENT_STATIC_LINK)
    set(_libevent_kind STATIC)
    set(_libevent_path "${_libevent_libdir}/lib${_libevent_name}.a")
  else()
    set(_libevent_kind SHARED)
    set(_libevent_path "${_libevent_libdir}/lib${_libevent_name}-2.1.so.7.0.1")
  endif()
  if(NOT EXISTS "${_libevent_path}")
    set(${CMAKE_FIND_PACKAGE_NAME}_FOUND FALSE)
    string(APPEND ${CMAKE_FIND_PACKAGE_NAME}_NOT_FOUND_MESSAGE
           "${_libevent_path} is not there. ")
    continue()
  endif()

  if(NOT TARGET libevent::${_libevent_component})
    add_library(libevent::${_libevent_component} ${_libevent_kind} IMPORTED)
    set_target_properties(
      libevent::${_libevent_component}
      PROPERTIES IMPORTED_LOCATION "${_libevent_path}"
                 INTERFACE_INCLUDE_DIRECTORIES "${LIBEVENT_INCLUDE_DIRS}")
    if(NOT LIBEVENT_STATIC_LINK)
      set_target_properties(
        libevent::${_libevent_component}
        PROPERTIES IMPORTED_SONAME "lib${_libevent_name}-2.1.so.7")
    endif()
    if(_libevent_component STREQUAL pthreads)
      set_target_properties(libevent::pthreads PROPERTIES INTERFACE_LINK_LIBRARIES
                                                          libevent::core)
    endif()
  endif()
  list(APPEND LIBEVENT_LIBRARIES libevent::${_libevent_component})
  set(${CMAKE_FIND_PACKAGE_NAME}_${_libevent_component}_FOUND TRUE)
endforeach()
set(LIBEVENT_FOUND ${${CMAKE_FIND_PACKAGE_NAME}_FOUND})

unset(_libevent_all)
unset(_libevent_component)
unset(_libevent_file_core)
unset(_libevent_file_event)
unset(_libevent_kind)
unset(_libevent_libdir)
unset(_libevent_name)
unset(_libevent_path)
unset(_libevent_prefix)
unset(_libevent_wanted)
