#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# tools/docs.sh renders the public headers without a warning: every declaration
# has its comment. And it notices when one has none.
set -uo pipefail
export LC_ALL=C
failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}
command -v doxygen >/dev/null || { echo "FAILED: no doxygen here; it is a Debian package"; exit 1; }

# A tree of files, since Doxygen names sources by where they really are.
tree=$TEST_TMPDIR/tree
mkdir -p "$tree/tools"
cp -RL include "$tree/"
cp -RL tools/docs tools/docs.sh "$tree/tools/"

"$tree/tools/docs.sh" "$TEST_TMPDIR/out" >"$TEST_TMPDIR/log" 2>&1 || fail "docs.sh ends with status $?"
[[ ! -s $TEST_TMPDIR/log ]] || { cat "$TEST_TMPDIR/log"; fail "it warns"; }

# The words of the headers are in the pages.
expect() { # PAGE WORDS
  sed 's/<[^>]*>//g' "$TEST_TMPDIR/out/html/$1" | tr -s ' \n' ' ' | grep -qF -- "$2" ||
    fail "$1 does not say: $2"
}
for header in event2/buffer event2/bufferevent event2/listener event2/thread event2/util \
  event2/watch event2/event_struct event2/event_compat evoke/backend; do
  page=$(basename "${header//_/__}")_8h.html
  [[ -s $TEST_TMPDIR/out/html/$page ]] || fail "no page of $header.h"
done
expect event2_2event_8h.html 'The event loop: bases, events, and what runs them.'
expect event2_2event_8h.html 'Gives the base a kernel object of its own'
# The second of two that share a comment, a field, an opaque type, a tail comment.
expect buffer_8h.html 'Adds a copy of'
grep -c 'Adds a copy of' "$TEST_TMPDIR/out/html/buffer_8h.html" | grep -qx '[2-9]' ||
  fail "evbuffer_prepend() has lost its comment"
expect structevent.html 'The file descriptor or signal number.'
expect structevbuffer.html 'A buffer.'
expect structevoke__ready__sink.html 'entries that fit without growing'

# Each header that declares functions says which threads may call them.
for header in include/event2/*.h include/evoke/*.h; do
  grep -qE '^[a-z][^(]*[ *][a-z0-9_]+\(' "$header" || continue
  grep -qi 'thread' "$header" || fail "$header does not speak of threads"
done

# Each of these is noticed, and named.
bites() { # NAME FILE SED-SCRIPT
  local changed=$TEST_TMPDIR/changed
  rm -rf "$changed"
  cp -R "$tree" "$changed"
  sed -i "$3" "$changed/include/$2"
  ! cmp -s "$changed/include/$2" "$tree/include/$2" || fail "$3 changes nothing"
  if "$changed/tools/docs.sh" "$TEST_TMPDIR/bites" >"$TEST_TMPDIR/log" 2>&1; then
    fail "it does not notice $1"
  elif ! grep -qF "$1" "$TEST_TMPDIR/log"; then
    cat "$TEST_TMPDIR/log"
    fail "it does not name $1"
  fi
}
bites undocumented_function event2/watch.h \
  's/^#pragma GCC visibility pop/\nint undocumented_function(void);\n&/'
bites undocumented_field event2/event_struct.h \
  's/^struct event {/&\n  int undocumented_field;\n/'
bites UNDOCUMENTED_MACRO event2/listener.h \
  's/^struct sockaddr;/&\n\n#define UNDOCUMENTED_MACRO 1\n/'
exit $failed
