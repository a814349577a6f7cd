#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The README's program does what the page says, the commands that it names are
# there, and no link of README or docs/ leads nowhere.
set -u
failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}

printed=$(echo hello | "$1") || fail "the program ends with status $?"
[ "$printed" = "6 bytes" ] || fail "the program prints '$printed'"
lines=$(sed -n '/^```c$/,/^```$/{/^```/d;p}' README.md | grep -c .)
[ "$lines" -le 25 ] || fail "that should have 25 lines at most has $lines lines"

for command in './bazelw run //examples:hello_world' './bazelw test //...' \
  './bazelw run -c opt //:install -- --prefix'; do
  grep -qF -- "$command" README.md || fail "README does not name: $command"
done

# Links within docs/ and from the README to it; sources are not runfiles.
for page in README.md docs/*.md docs/*/*.md; do
  dir=$(dirname "$page")
  for link in $(grep -oE '\]\([^)#]+' "$page" | cut -c3-); do
    case $link in
      *.md) ;;
      *) continue ;;
    esac
    case $(realpath -ms --relative-to=. "$dir/$link") in
      docs/*) [ -e "$dir/$link" ] || fail "$page: no $link" ;;
    esac
  done
done
exit $failed
