#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Runs event_del_again.c with both libraries.
#
#   event_del_again_test.sh OURS THEIRS
set -eu

"$1" | diff /dev/fd/3 - 3<<END
event_del: 0
pending: 0
END

# The fault is still there. When it is not, the entry in docs/differences.md has
# to go.
"$2" | diff /dev/fd/3 - 3<<END
event_del: 0
pending: 1
END
