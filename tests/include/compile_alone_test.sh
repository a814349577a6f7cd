#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Every public header compiles alone, twice in a row, as C99, C11 and C++17,
# with gcc and clang, without a warning.
#
#   compile_alone_test.sh HEADER...    paths that have include/ in them
set -u

failures=0
compiled=0

# compile COMPILER LANGUAGE STANDARD INCLUDE_DIR HEADER
compile() {
  compiled=$((compiled + 1))
  printf '#include <%s>\n#include <%s>\nextern int not_empty;\n' "$5" "$5" |
    "$1" -x "$2" "-std=$3" -Wall -Wextra -pedantic -Werror -I"$4" \
      -fsyntax-only - || {
    echo "FAILED: $5 as $3 with $1"
    failures=$((failures + 1))
  }
}

for path in "$@"; do
  directory=${path%%include/*}include
  header=${path#"$directory"/}
  for compiler in gcc clang; do
    compile "$compiler" c c99 "$directory" "$header"
    compile "$compiler" c c11 "$directory" "$header"
    for standard in c++11 c++17 c++20; do
      compile "$compiler" c++ "$standard" "$directory" "$header"
    done
  done
done

echo "$compiled compiled, $failures failed"
[ "$compiled" -ge 90 ] && [ "$failures" -eq 0 ]
