#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# iocp_echo, a program for Windows, as a server of //bench:models: flags are
# passed on, "port: N" comes on stderr, SIGTERM ends it. Wine's own processes stay
# in this session, so that what they use is counted; its directory (a "prefix") is
# made anew, and removed at the end.
set -u
cd "$(dirname "$0")/.." || exit 1

wine=/usr/lib/wine/wine64 wineserver=/usr/lib/wine/wineserver64
WINEPREFIX=$(mktemp -d) || exit 1
export WINEPREFIX WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=" HOME=$WINEPREFIX

program='' ended=''
trap 'ended=yes; [[ -z $program ]] || kill -INT "$program"' TERM

"$wineserver" -f -p &  # in the foreground, or it begins a session of its own
"$wine" wineboot >/dev/null 2>&1 </dev/null
status=0
if [[ -z $ended ]]; then
  # What a shell starts in the background ignores SIGINT, which is Ctrl-C here.
  env --default-signal=INT \
    "$wine" examples/models/iocp_echo.exe "$@" </dev/null &
  program=$!
  while
    wait "$program"
    status=$?
    kill -0 "$program" 2>/dev/null
  do :; done
fi
"$wineserver" -k  # and all that runs by it
wait
rm -rf "$WINEPREFIX"
exit "$status"
