# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What the consumers' tests share; sourced by each of them.
set -euo pipefail
export LC_ALL=C
# A consumer sees the installed tree and nothing of the machine's own libevent.
unset PKG_CONFIG_PATH CPATH C_INCLUDE_PATH LIBRARY_PATH LD_LIBRARY_PATH CMAKE_PREFIX_PATH

here=$PWD/tests/consumers
consumer=$here/consumer.c
# Another, which also needs libevent_pthreads.
threads=$here/threads.c

die() {
  echo "$*" >&2
  exit 1
}

# Installs into $1, in silence unless it fails.
install_into() {
  RUNFILES_DIR=$TEST_SRCDIR ./install --prefix "$1" >"$TEST_TMPDIR/install.log" 2>&1 ||
    { cat "$TEST_TMPDIR/install.log"; die "install failed"; }
}

# Did compiling with these arguments read event.h from below $1?
headers_come_from() {
  local prefix=$1
  shift
  "${CC:-cc}" -M "$@" | tr -s ' \\' '\n\n' | grep '/event2/event\.h$' >"$TEST_TMPDIR/headers" ||
    die "event2/event.h was not read"
  while read -r header; do
    [[ $(readlink -f "$header") == "$(readlink -f "$prefix")"/* ]] ||
      die "$header is not below $prefix"
  done <"$TEST_TMPDIR/headers"
}
