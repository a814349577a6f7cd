#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What do locks cost, and what do they cost a program that has no threads? The
# instructions of one call, counted by callgrind (Debian's valgrind), without
# and with threading, on evoke and on Debian's libevent:
#
#   bazel run -c opt //bench:lock_sites
set -euo pipefail

command -v valgrind >/dev/null || {
  echo "lock_sites: needs valgrind" >&2
  exit 1
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# instructions PROGRAM ARGS...: of the whole run
instructions() {
  valgrind --tool=callgrind --callgrind-out-file="$scratch/out" "$@" 2>&1 |
    sed -n 's/.*Collected : //p'
}

# per_call PROGRAM CASE [threads]
per_call() {
  local program=$1 what=$2 few many
  shift 2
  few=$(instructions "$program" "$what" 1000 "$@")
  many=$(instructions "$program" "$what" 11000 "$@")
  echo $(((many - few) / 10000))
}

printf '%-10s %10s %10s %10s %10s\n' "" evoke "with locks" libevent "with locks"
for what in add_del active buffer; do
  printf '%-10s %10d %10d %10d %10d\n' "$what" \
    "$(per_call bench/lock_sites_evoke "$what")" \
    "$(per_call bench/lock_sites_evoke "$what" threads)" \
    "$(per_call bench/lock_sites_libevent "$what")" \
    "$(per_call bench/lock_sites_libevent "$what" threads)"
done
