#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What do the points of the loop (event/points.h) cost while nobody listens? The
# instructions of the server for one echoed message of 64 bytes, counted by
# callgrind (Debian's valgrind), with the points and with all of them compiled
# away:
#
#   bench/points.sh
#   bench/points.sh scope
#
# or, the second one, without and with loopscope (docs/scope.md), whose page
# nobody looks at. It builds both with ./bazelw -c opt. What the loop counts for
# evoke_stats() is in both.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || {
  echo "points: needs valgrind" >&2
  exit 1
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# exchange PORT MESSAGES CONNECTIONS: one message outstanding on each.
cat >"$scratch/exchange.py" <<'PYTHON'
import socket
import sys
port, messages, connections = map(int, sys.argv[1:])
clients = [socket.create_connection(("127.0.0.1", port))
           for _ in range(connections)]
for _ in range(messages // connections):
    for client in clients:
        client.sendall(b"x" * 64)
    for client in clients:
        left = 64
        while left:
            left -= len(client.recv(left))
PYTHON

# instructions SERVER MESSAGES CONNECTIONS: of the whole run
instructions() {
  local port
  : >"$scratch/port"
  valgrind --tool=callgrind --callgrind-out-file="$scratch/out" "$1" \
    >"$scratch/port" 2>"$scratch/err" &
  until [[ -s $scratch/port ]]; do sleep 0.1; done
  port=$(cat "$scratch/port")
  python3 "$scratch/exchange.py" "$port" "$2" "$3"
  kill $!
  wait $! 2>/dev/null || true
  sed -n 's/.*Collected : //p' "$scratch/err"
}

# per_message SERVER CONNECTIONS, in hundredths
per_message() {
  local few many
  few=$(instructions "$1" 2000 "$2")
  many=$(instructions "$1" 12000 "$2")
  echo $(((many - few) / 100))
}

# build TARGET FLAGS...
build() {
  local target=$1
  shift
  ./bazelw build -c opt --noshow_progress "$@" "//bench:$target" \
    >"$scratch/build" 2>&1 || {
    cat "$scratch/build" >&2
    exit 1
  }
}
if [[ ${1:-} == scope ]]; then
  build echo_scope_server
  cp bazel-bin/bench/echo_scope_server "$scratch/without"
  cp "$scratch/without" "$scratch/with"
else
  build echo_evoke_server --copt=-DEVOKE_NO_POINTS
  cp bazel-bin/bench/echo_evoke_server "$scratch/without"
  build echo_evoke_server
  cp bazel-bin/bench/echo_evoke_server "$scratch/with"
fi

printf '%-12s %12s %12s %8s\n' connections without with more
for connections in 1 16; do
  without=$(per_message "$scratch/without" "$connections")
  with=$(EVOKE_SCOPE=${1:+127.0.0.1:0} per_message "$scratch/with" "$connections")
  awk -v c="$connections" -v a="$without" -v b="$with" 'BEGIN {
    printf "%-12d %12.1f %12.1f %7.2f%%\n", c, a / 100, b / 100, (b - a) * 100 / a }'
done
