#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A program that was compiled against Debian's libevent, headers and library,
# runs on evoke when the loader finds evoke's file first: the ABI is the same.
source tests/consumers/lib.sh

prefix=$TEST_TMPDIR/prefix
install_into "$prefix"
for library in event_core event; do
  program=$TEST_TMPDIR/${library}_program
  cc -Wall -Wextra -Werror "$consumer" "-l$library" -o "$program"
  if "$program" "$prefix" 2>/dev/null; then
    die "without LD_LIBRARY_PATH the machine's lib$library should have run"
  fi
  LD_LIBRARY_PATH=$prefix/lib LD_BIND_NOW=1 "$program" "$prefix"
done
