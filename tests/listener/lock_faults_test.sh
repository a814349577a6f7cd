#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs lock_faults.c with both libraries: with ours every call returns. What
# libevent does is written down too, so that it is seen where the two differ.
#
#   lock_faults_test.sh OURS THEIRS
set -eu

# Ours must not be ended by a busy machine; theirs hangs as long as it may.
"$1" 60 >"$TEST_TMPDIR/ours"
"$2" 5 >"$TEST_TMPDIR/theirs"

for library in ours theirs; do
  [ "$(wc -l <"$TEST_TMPDIR/$library")" -eq 12 ]
  grep -v ' returns$' "$TEST_TMPDIR/$library" >"$TEST_TMPDIR/$library.other" || true
done

diff /dev/null "$TEST_TMPDIR/ours.other"
diff - "$TEST_TMPDIR/theirs.other" <<END
in the accept callback: disable hangs
in the error callback: disable hangs
END
