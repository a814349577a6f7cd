#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# find_package(Libevent COMPONENTS core), with the shared libraries and, by
# LIBEVENT_STATIC_LINK, with the archives.
source tests/consumers/lib.sh

prefix=$TEST_TMPDIR/prefix
install_into "$prefix"

build() { # DIRECTORY OPTIONS...
  local directory=$TEST_TMPDIR/$1
  shift
  cmake -S "$here/cmake_project" -B "$directory" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCONSUMER_SOURCE="$(readlink -f "$consumer")" \
    -DTHREADS_SOURCE="$(readlink -f "$threads")" "$@" >"$directory.log" 2>&1 &&
    cmake --build "$directory" --verbose >>"$directory.log" 2>&1 ||
    { cat "$directory.log"; die "CMake failed"; }
  grep -q "Libevent 2.1.12 in $(readlink -f "$prefix")\|Libevent 2.1.12 in $prefix" "$directory.log" ||
    { cat "$directory.log"; die "another Libevent was found"; }
}

build shared
readelf --dynamic "$TEST_TMPDIR/shared/consumer" | grep -q 'NEEDED.*\[libevent_core-2.1.so.7\]' ||
  die "the program does not need libevent_core-2.1.so.7"
"$TEST_TMPDIR/shared/consumer" "$prefix"
"$TEST_TMPDIR/shared/consumer_all" "$prefix"
"$TEST_TMPDIR/shared/consumer_threads"

build static -DLIBEVENT_STATIC_LINK=ON
for program in consumer consumer_threads; do
  if readelf --dynamic "$TEST_TMPDIR/static/$program" | grep 'NEEDED.*libevent'; then
    die "LIBEVENT_STATIC_LINK linked a shared library"
  fi
done
"$TEST_TMPDIR/static/consumer" "$TEST_TMPDIR/static"
"$TEST_TMPDIR/static/consumer_threads"

# A version that we are not must not be found.
cat >"$TEST_TMPDIR/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(too_new NONE)
find_package(Libevent 2.2 REQUIRED COMPONENTS core)
END
if cmake -S "$TEST_TMPDIR" -B "$TEST_TMPDIR/too_new" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null 2>&1; then
  die "2.1.12 passed for 2.2"
fi
