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

# libevent_pthreads, before and after the library that it needs, ours and
# Debian's in each combination: one of a pair may be replaced alone.
for order in "-levent_pthreads -levent_core" "-levent_core -levent_pthreads" \
  "-levent -levent_pthreads" "-levent_pthreads -levent"; do
  # shellcheck disable=SC2086 # a list of words
  cc -Wall -Wextra -Werror "$threads" $order -o "$TEST_TMPDIR/threads"
  LD_LIBRARY_PATH=$prefix/lib LD_BIND_NOW=1 "$TEST_TMPDIR/threads"
done
cc -Wall -Wextra -Werror "$threads" -levent_pthreads -levent_core -o "$TEST_TMPDIR/threads"
for library in libevent_core libevent_pthreads; do
  mkdir -p "$TEST_TMPDIR/only_$library"
  cp "$prefix/lib/$library-2.1.so.7" "$TEST_TMPDIR/only_$library"
  echo "only $library is ours:"
  LD_LIBRARY_PATH=$TEST_TMPDIR/only_$library LD_BIND_NOW=1 "$TEST_TMPDIR/threads"
done

# A program that needs what is not there is refused by the name of the symbol.
cat >"$TEST_TMPDIR/extra.c" <<'END'
#include <event2/event.h>
#include <event2/http.h>
int main(void) { return evhttp_new(event_base_new()) == NULL; }
END
cc "$TEST_TMPDIR/extra.c" -levent -o "$TEST_TMPDIR/extra"
LD_BIND_NOW=1 "$TEST_TMPDIR/extra" || die "libevent's own should have served evhttp_new"
if LD_LIBRARY_PATH=$prefix/lib LD_BIND_NOW=1 "$TEST_TMPDIR/extra" 2>"$TEST_TMPDIR/refused"; then
  die "evhttp_new was found, which is not there"
fi
grep -q 'undefined symbol: evhttp_new' "$TEST_TMPDIR/refused" ||
  { cat "$TEST_TMPDIR/refused"; die "the missing symbol is not named"; }
