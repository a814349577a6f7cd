#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Links the archives, by a C compiler that knows of no libstdc++: into a
# dynamic program that then needs libc alone, and into a wholly static one.
source tests/consumers/lib.sh

prefix=$TEST_TMPDIR/prefix
install_into "$prefix"
for library in libevent_core libevent; do
  headers_come_from "$prefix" -I"$prefix/include" "$consumer"
  cc -Wall -Wextra -Werror -I"$prefix/include" "$consumer" "$prefix/lib/$library.a" \
    -o "$TEST_TMPDIR/program"
  readelf --dynamic "$TEST_TMPDIR/program" | grep NEEDED >"$TEST_TMPDIR/needed"
  if grep -v 'libc\.so\.6' "$TEST_TMPDIR/needed"; then
    die "the program needs more than libc"
  fi
  "$TEST_TMPDIR/program" "$TEST_TMPDIR"
done

# dladdr is of no use in a static program: without an argument. Warnings about
# getaddrinfo in static programs are libc's.
cc -static -I"$prefix/include" "$consumer" "$prefix/lib/libevent_core.a" \
  -o "$TEST_TMPDIR/static_program" 2>"$TEST_TMPDIR/link.log" ||
  { cat "$TEST_TMPDIR/link.log"; die "the static link failed"; }
if readelf --dynamic "$TEST_TMPDIR/static_program" | grep NEEDED; then
  die "the static program needs libraries"
fi
"$TEST_TMPDIR/static_program"

cc -static -Wall -Wextra -Werror -I"$prefix/include" "$threads" \
  "$prefix/lib/libevent_pthreads.a" "$prefix/lib/libevent_core.a" \
  -o "$TEST_TMPDIR/static_threads" 2>"$TEST_TMPDIR/link.log" ||
  { cat "$TEST_TMPDIR/link.log"; die "the static link with threads failed"; }
"$TEST_TMPDIR/static_threads"
