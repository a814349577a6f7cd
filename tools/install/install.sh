#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs evoke as the C library libevent is: `bazel run -c opt //:install --
# --prefix DIR`. The tree can be moved afterwards: pkg-config and CMake find
# everything relative to their own files (as long as --libdir is below the
# prefix).
set -eu

version=2.1.12-stable

usage() {
  cat <<'EOF'
usage: install --prefix DIR [--libdir DIR]
  --prefix DIR   where include/ and lib/ go; relative to the current directory
  --libdir DIR   the library directory below the prefix (lib)
DESTDIR is put before the prefix when it is set in the environment.
EOF
}

die() {
  echo "install: $*" >&2
  exit 1
}

prefix=
libdir=lib
while [ $# -gt 0 ]; do
  case $1 in
    --prefix=*) prefix=${1#*=} ;;
    --prefix) [ $# -ge 2 ] || die "--prefix needs a directory"; prefix=$2; shift ;;
    --libdir=*) libdir=${1#*=} ;;
    --libdir) [ $# -ge 2 ] || die "--libdir needs a directory"; libdir=$2; shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; die "unknown argument: $1" ;;
  esac
  shift
done
[ -n "$prefix" ] || { usage >&2; exit 2; }
case $libdir in
  /*|*..*|'') die "--libdir must be a directory below the prefix: $libdir" ;;
esac
case $prefix in
  /*) ;;
  *) prefix=${BUILD_WORKING_DIRECTORY:-$PWD}/$prefix ;;
esac

# The files to install lie in the runfiles: beside this script under `bazel
# run`, in those of the test under `bazel test`.
from=
for dir in "$0.runfiles" "${RUNFILES_DIR:-}" "${TEST_SRCDIR:-}" "$PWD/.."; do
  if [ -e "$dir/evoke/lib/libevent_core.a" ]; then
    from=$dir/evoke
    break
  fi
done
[ -n "$from" ] || die "the built files were not found"

to=${DESTDIR:-}$prefix
lib=$to/$libdir
mkdir -p "$to/include" "$lib/pkgconfig" "$lib/cmake/libevent"

# install_file FROM TO: never through a file that is in use, nor a link.
install_file() {
  mkdir -p "$(dirname "$2")"
  rm -f "$2"
  cp -L "$1" "$2"
  chmod 644 "$2"
}

(cd "$from/include" && find -L . -name '*.h' -type f) | while read -r header; do
  install_file "$from/include/$header" "$to/include/${header#./}"
done

for name in event_core event event_pthreads; do
  install_file "$from/lib/lib$name.a" "$lib/lib$name.a"
  install_file "$from/lib/lib$name-2.1.so.7.0.1" "$lib/lib$name-2.1.so.7.0.1"
  ln -sf "lib$name-2.1.so.7.0.1" "$lib/lib$name-2.1.so.7"
  ln -sf "lib$name-2.1.so.7.0.1" "$lib/lib$name.so"
done

# Looked for beside the libraries above when EVOKE_SCOPE asks for it.
install_file "$from/lib/libevoke_scope.a" "$lib/libevoke_scope.a"
install_file "$from/lib/libevoke_scope.so.1" "$lib/libevoke_scope.so.1"
ln -sf libevoke_scope.so.1 "$lib/libevoke_scope.so"

# lib/pkgconfig -> ../.., lib/x86_64-linux-gnu/pkgconfig -> ../../..
up=$(printf '%s' "$libdir/pkgconfig" | sed 's|[^/][^/]*|..|g')
for name in event event_core event_pthreads evoke_scope; do
  # As libevent's own: with evthread_use_pthreads() comes all the rest.
  requires=
  [ "$name" != event_pthreads ] || requires='
Requires: libevent'
  cat >"$lib/pkgconfig/lib$name.pc" <<EOF
prefix=\${pcfiledir}/$up
exec_prefix=\${prefix}
libdir=\${prefix}/$libdir
includedir=\${prefix}/include

Name: lib$name
Description: evoke's lib$name: an event loop with libevent's API and ABI
Version: $version$requires
Libs: -L\${libdir} -l$name
Cflags: -I\${includedir}
EOF
  chmod 644 "$lib/pkgconfig/lib$name.pc"
done

up=$(printf '%s' "$libdir/cmake/libevent" | sed 's|[^/][^/]*|..|g')
for file in LibeventConfig.cmake LibeventConfigVersion.cmake; do
  rm -f "$lib/cmake/libevent/$file"
  sed -e "s|@TO_PREFIX@|$up|g" -e "s|@LIBDIR@|$libdir|g" \
    "$from/tools/install/$file" >"$lib/cmake/libevent/$file"
  chmod 644 "$lib/cmake/libevent/$file"
done

echo "installed in $to"
