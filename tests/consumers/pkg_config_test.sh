#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# cc $(pkg-config --cflags --libs libevent_core), as most makefiles have it:
# for both libraries and for libevent_pthreads, and again after the tree was
# moved elsewhere.
source tests/consumers/lib.sh

build_and_run() { # PREFIX MODULE
  local prefix=$1 module=$2 flags
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  read -r -a flags <<<"$(pkg-config --cflags --libs "$module")"
  [[ $(pkg-config --modversion "$module") == 2.1.12-stable ]] || die "wrong version of $module"
  headers_come_from "$prefix" "${flags[@]}" "$consumer"
  cc -Wall -Wextra -Werror "${flags[@]}" "$consumer" "${flags[@]}" -o "$TEST_TMPDIR/program"
  readelf --dynamic "$TEST_TMPDIR/program" | grep -q "NEEDED.*\[$module-2.1.so.7\]" ||
    die "the program does not need $module-2.1.so.7"
  LD_LIBRARY_PATH=$prefix/lib "$TEST_TMPDIR/program" "$prefix"
}

# libevent_pthreads alone is enough for a program with threads.
build_and_run_threads() { # PREFIX
  local prefix=$1 flags
  export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
  read -r -a flags <<<"$(pkg-config --cflags --libs libevent_pthreads)"
  cc -Wall -Wextra -Werror "$threads" "${flags[@]}" -o "$TEST_TMPDIR/threads"
  LD_LIBRARY_PATH=$prefix/lib "$TEST_TMPDIR/threads"
  LD_LIBRARY_PATH=$prefix/lib ldd "$TEST_TMPDIR/threads" >"$TEST_TMPDIR/ldd"
  [[ $(grep -c "libevent.* => $prefix/lib" "$TEST_TMPDIR/ldd") == 3 ]] ||
    { cat "$TEST_TMPDIR/ldd"; die "not all libraries are those of $prefix"; }
}

install_into "$TEST_TMPDIR/prefix"
build_and_run_threads "$TEST_TMPDIR/prefix"
build_and_run "$TEST_TMPDIR/prefix" libevent_core
build_and_run "$TEST_TMPDIR/prefix" libevent
mv "$TEST_TMPDIR/prefix" "$TEST_TMPDIR/moved"
build_and_run "$TEST_TMPDIR/moved" libevent_core
