#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The points are USDT probes of the built library.
set -euo pipefail
library=$1
notes=$(readelf -n "$library")
for probe in turn wait wait_done callback callback_done add del read write wake \
  return end; do
  grep -qE "^ +Name: $probe\$" <<<"$notes" || {
    echo "FAILED: no probe evoke:$probe in $library"
    exit 1
  }
done
# Callbacks of events, of the library itself, of bufferevents, of listeners, of
# watchers, and finalizers.
[[ $(grep -cE "^ +Name: callback\$" <<<"$notes") -ge 8 ]] || {
  echo "FAILED: some callbacks are no probes"
  exit 1
}
[[ $(grep -c "Provider: evoke" <<<"$notes") -ge 12 ]]
