#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs lock_faults.c with both libraries: with ours every call returns, and what
# was freed or disabled does nothing more. What libevent does is written down
# too, so that it is seen where the two differ.
#
#   lock_faults_test.sh OURS THEIRS
set -eu

limit_s=60
"$1" "$limit_s" >"$TEST_TMPDIR/ours"
"$2" "$limit_s" >"$TEST_TMPDIR/theirs"

for library in ours theirs; do
  [ "$(wc -l <"$TEST_TMPDIR/$library")" -eq 65 ]
  grep -v ' returns$' "$TEST_TMPDIR/$library" >"$TEST_TMPDIR/$library.other"
done

# Two callbacks that hold a lock each and want the other's: by the program's
# choice, see docs/threads.md.
diff - "$TEST_TMPDIR/ours.other" <<END
each other: write with the locks locks out
END

diff - "$TEST_TMPDIR/theirs.other" <<END
readable: disable returns, but it goes on
writable: disable returns, but it goes on
sending: free returns, but it goes on
sending: disable returns, but it goes on
sent: disable returns, but it goes on
timed out: disable returns, but it goes on
each other: write with the locks locks out
END
