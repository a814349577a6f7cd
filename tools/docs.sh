#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# tools/docs.sh DIRECTORY: the documentation of the public headers as HTML, in
# DIRECTORY/html (begin with index.html). Fails with a warning when a public
# declaration has no comment. Needs the Debian packages doxygen and python3.
#
# DOXYGEN=PATH  the doxygen to run, instead of the one in PATH
set -eu
if [ $# != 1 ]; then
  echo "usage: tools/docs.sh DIRECTORY" >&2
  exit 2
fi
mkdir -p "$1"
output=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
{ cat tools/docs/Doxyfile && printf 'OUTPUT_DIRECTORY = "%s"\n' "$output"; } |
  "${DOXYGEN:-doxygen}" -
