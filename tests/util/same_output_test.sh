#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs two programs and compares what they print, which must be something.
#
#   same_output_test.sh OURS THEIRS
set -eu

"$1" >"$TEST_TMPDIR/ours"
"$2" >"$TEST_TMPDIR/theirs"
[ -s "$TEST_TMPDIR/ours" ]
diff -a "$TEST_TMPDIR/ours" "$TEST_TMPDIR/theirs"
echo "$(wc -l <"$TEST_TMPDIR/ours") equal lines"
