#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# iocp_echo, a program for Windows, as a server of //bench:models: flags are
# passed on, "port: N" comes on stderr, SIGTERM ends it. It runs in a directory of
# wine's (a "prefix") that is made anew. Wine's server, which does much of the work,
# is in this session, as its use is to be counted; the services that wine starts are
# not: they sleep.
set -u
cd "$(dirname "$0")/.." || exit 1

wine=/usr/lib/wine/wine64 wineserver=/usr/lib/wine/wineserver64
scratch=$(mktemp -d) || exit 1
mkdir "$scratch/prefix"
export TMPDIR=$scratch HOME=$scratch WINEPREFIX=$scratch/prefix
export WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml="

# When this script is no more, however it ended, the pipe is at its end, and who
# reads it, in a session of his own, ends what runs by the prefix and removes it.
export wineserver scratch
exec {alive}> >(exec setsid bash -c '
  cat
  "$wineserver" -k
  "$wineserver" -w
  rm -rf "$scratch"' 2>/dev/null)
cleaner=$!

program='' ended=''
trap 'ended=yes; [[ -z $program ]] || kill -INT "$program"' TERM

# In the foreground, or it begins a session of its own; in a group of its own,
# lest who kills ours with SIGKILL leaves its services without it.
set -m
"$wineserver" -f -p30 {alive}>&- &
set +m
server=$!
# Or wine starts one by itself.
until compgen -G "$scratch/wine-*/server-*/socket" >/dev/null; do
  kill -0 "$server" || exit 1
  sleep 0.02
done
"$wine" wineboot {alive}>&- >/dev/null 2>&1 </dev/null
status=0
if [[ -z $ended ]]; then
  # What a shell starts in the background ignores SIGINT, which is Ctrl-C here.
  env --default-signal=INT \
    "$wine" examples/models/iocp_echo.exe "$@" {alive}>&- </dev/null &
  program=$!
  wait "$program"
  status=$?
  if [[ -n $ended ]]; then  # it was our signal that ended the wait
    wait "$program"
    status=$?
  fi
fi
exec {alive}>&-
wait "$cleaner"
exit "$status"
