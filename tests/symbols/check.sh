#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Checks on the symbols of a built libevent_core, libevent or libevent_pthreads.
#
#   check.sh undefined FILE...          nothing of C++'s runtime is needed, nor
#                                       getenv
#   check.sh exported  API FILE...      only API's names and evoke_* go out
#   check.sh dynamic   SONAME FILE [NEEDED...]
#                                       soname, libraries needed beside libc,
#                                       versions, constructors
#   check.sh host      FILE HOST...     what FILE needs is in libc or each HOST
#   check.sh declared  INCLUDE FILE...  the headers declare what FILEs export
#
# Prints each offence on a line of its own; exit status 1 when there is any.
set -euo pipefail
export LC_ALL=C

# defined FILE: the names FILE offers to others, one a line. Weak names are
# left out of an archive: inline functions of the C++ headers, merged by every
# linker.
defined() {
  case $1 in
    *.a) nm --defined-only --extern-only --no-sort "$1" |
      awk 'NF == 3 && $2 !~ /[wWvVu]/ { print $3 }' ;;
    *) nm --dynamic --defined-only "$1" | awk 'NF == 3 { print $3 }' ;;
  esac | sort -u
}

# undefined FILE: the names FILE takes from others.
undefined() {
  case $1 in
    *.a)
      comm -23 \
        <(nm --undefined-only --no-sort "$1" | awk 'NF == 2 { print $2 }' | sort -u) \
        <(nm --defined-only --extern-only "$1" | awk 'NF == 3 { print $3 }' | sort -u)
      ;;
    *) nm --dynamic --undefined-only "$1" | awk '{ sub(/@.*/, "", $2); print $2 }' | sort -u ;;
  esac
}

# Fails when the lines on stdin are more than none; names them as $1.
none_of() {
  local lines
  lines=$(cat)
  [[ -z $lines ]] && return 0
  sed "s|^|$1: |" <<<"$lines"
  return 1
}

check_undefined() {
  local file failed=0
  for file; do
    # The compiler's start files of every shared object refer, weakly, to
    # __cxa_finalize, which is libc's.
    # The environment is read by secure_getenv alone.
    { undefined "$file" | grep -E '^(_Z|__cxa|__gxx|_Unwind|getenv$)' | grep -vx __cxa_finalize || true; } |
      c++filt | none_of "$file needs" || failed=1
  done
  return $failed
}

check_exported() {
  local api=$1 file failed=0
  shift
  for file; do
    [[ -n $(defined "$file") ]] || { echo "$file exports nothing"; failed=1; }
    # An archive cannot hide what one object needs of another, so C++ names
    # stay in it; they must belong to us.
    defined "$file" |
      if [[ $file == *.a ]]; then
        c++filt | { grep -vE '^((typeinfo|vtable|guard variable) for )?(evoke|ev[a-z_]+|bufferevent[a-z_]*)::' || true; } | sort
      else
        cat
      fi |
      { grep -v '^evoke_' || true; } |
      comm -23 - <(awk -F'\t' '!/^#/ { print $2 }' "$api" | sort -u) |
      none_of "$file exports" || failed=1
  done
  return $failed
}

check_dynamic() {
  local soname=$1 file=$2 failed=0
  shift 2
  readelf --dynamic --wide "$file" >"$TEST_TMPDIR/dynamic"
  grep -q "(SONAME).*\[$soname\]" "$TEST_TMPDIR/dynamic" || {
    echo "$file: soname is not $soname"
    failed=1
  }
  { sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' "$TEST_TMPDIR/dynamic" |
    sort | diff <(printf '%s\n' libc.so.6 "$@" | sort) - || true; } |
    { grep '^[<>]' || true; } | sed -e 's/^</not/' -e 's/^> //' |
    none_of "$file needs" || failed=1
  # The one entry is the compiler's own frame_dummy, which does nothing. Two
  # would be a constructor of ours.
  readelf --sections --wide "$file" |
    awk '/\.(init|fini|preinit)_array / { sub(/.*\] /, ""); if ($5 != "000008") print $1, $5 }' |
    none_of "$file runs code when it is loaded or unloaded, by" || failed=1
  # Thread-local variables lie in the room that the loader keeps for late
  # comers, which is 512 bytes for all of them together.
  readelf --segments --wide "$file" |
    awk '$1 == "TLS" && $6 "" > "0x000040" { print $6, "bytes" }' |
    none_of "$file has thread-local variables of" || failed=1
  { grep -E '\((TEXTREL|RPATH|RUNPATH)\)' "$TEST_TMPDIR/dynamic" || true; } |
    none_of "$file has" || failed=1
  # libevent's names carry no version; a version here would break programs
  # linked with it.
  { nm --dynamic --defined-only --with-symbol-versions "$file" | awk '$3 ~ /@/ { print $3 }'; } |
    none_of "$file has a version on" || failed=1
  return $failed
}

# What carries a version is libc's; the weak names are the compiler's.
check_host() {
  local file=$1 host failed=0
  shift
  nm --dynamic --undefined-only "$file" |
    awk '$1 == "U" && $2 !~ /@/ { print $2 }' | sort -u >"$TEST_TMPDIR/wanted"
  [[ -s $TEST_TMPDIR/wanted ]] || { echo "$file needs nothing"; failed=1; }
  for host; do
    comm -23 "$TEST_TMPDIR/wanted" <(defined "$host") |
      none_of "$file needs, and $host has not," || failed=1
  done
  return $failed
}

# Every function that an installed header declares, by gcc's own account.
declared_in() {
  local include=$1 header
  (cd "$include" && find -L . -name '*.h') | sed 's|^\./||' | sort |
    while read -r header; do echo "#include <$header>"; done >"$TEST_TMPDIR/all.c"
  # Including more than one face of the API at once is fine, warning about the
  # old ones is not the point here.
  gcc -w -D_GNU_SOURCE -isystem "$include" -aux-info "$TEST_TMPDIR/all.X" \
    -fsyntax-only "$TEST_TMPDIR/all.c"
  # /* path:line:NC */ extern int event_add (struct event *, ...);
  # Inline functions are defined (NF), not declared (NC).
  sed -nE "s|^/\* $include/[^ ]*:N[CO] \*/ extern ([^(]*[ *])?([A-Za-z_][A-Za-z0-9_]*) \(.*|\2|p" \
    "$TEST_TMPDIR/all.X" | sort -u
}

check_declared() {
  local include=$1 failed=0
  shift
  declared_in "$include" >"$TEST_TMPDIR/declared"
  [[ $(wc -l <"$TEST_TMPDIR/declared") -gt 100 ]] || {
    echo "only $(wc -l <"$TEST_TMPDIR/declared") functions found in $include"
    failed=1
  }
  for file; do defined "$file"; done | sort -u >"$TEST_TMPDIR/exported"
  # Names that the headers promise already: the list must be exact, and empty
  # when a version is released.
  { grep -v '^#' "${NOT_YET_DEFINED:-$(dirname "$0")/not_yet_defined.txt}" || true; } |
    sort -u >"$TEST_TMPDIR/later"
  comm -12 "$TEST_TMPDIR/later" "$TEST_TMPDIR/exported" |
    none_of "in not_yet_defined.txt, but defined" || failed=1
  comm -23 "$TEST_TMPDIR/declared" \
    <(sort -u "$TEST_TMPDIR/exported" "$TEST_TMPDIR/later") |
    none_of "declared, but not in $*" || failed=1
  # Nor those that are only there for libraries of libevent's own.
  awk -F'\t' '!/^#/ && $3 == "-" { print $2 }' "$(dirname "$0")/libevent_api.tsv" |
    sort -u "$TEST_TMPDIR/declared" - | comm -13 - "$TEST_TMPDIR/exported" |
    none_of "in $*, but in no header" || failed=1
  return $failed
}

: "${TEST_TMPDIR:=${TMPDIR:-/tmp}}"
command=$1
shift
"check_$command" "$@"
