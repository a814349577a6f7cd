#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# loopscope as it is installed: asked for by EVOKE_SCOPE it is loaded from beside
# the library, whichever of the two that is and however it came into the process;
# by evoke_scope_start() from a program that is linked with it; and where it
# cannot be had there is one warning, and the program runs.
source tests/consumers/lib.sh

prefix=$TEST_TMPDIR/prefix
install_into "$prefix"
lib=$prefix/lib
flags=(-Wall -Wextra -Werror -I"$prefix/include" "$consumer")

# expect PATTERN COMMAND...: the command succeeds, and what it writes to stderr
# is one line, which matches.
expect() {
  local pattern=$1
  shift
  "$@" >"$TEST_TMPDIR/out" 2>"$TEST_TMPDIR/err" ||
    { cat "$TEST_TMPDIR/out" "$TEST_TMPDIR/err"; die "failed: $*"; }
  if [[ $(wc -l <"$TEST_TMPDIR/err") != 1 ]] || ! grep -qE "$pattern" "$TEST_TMPDIR/err"; then
    cat "$TEST_TMPDIR/err"
    die "not one line that matches '$pattern': $*"
  fi
}
url='^\[msg\] loopscope: http://127\.0\.0\.1:[0-9]+/\?token=[0-9a-f]{32}$'

# --- Asked for by the environment ---------------------------------------------
for library in event_core event; do
  cc "${flags[@]}" -L"$lib" "-l$library" -o "$TEST_TMPDIR/$library"
  LD_LIBRARY_PATH=$lib "$TEST_TMPDIR/$library" >/dev/null
  EVOKE_SCOPE=127.0.0.1:0 LD_LIBRARY_PATH=$lib expect "$url" "$TEST_TMPDIR/$library"
  # Not loaded unless it is asked for.
  LD_LIBRARY_PATH=$lib LD_DEBUG=files "$TEST_TMPDIR/$library" >/dev/null 2>"$TEST_TMPDIR/loaded"
  grep -q "lib$library" "$TEST_TMPDIR/loaded" || die "LD_DEBUG tells nothing"
  if grep -q libevoke_scope "$TEST_TMPDIR/loaded"; then
    die "libevoke_scope was loaded for nothing"
  fi
done

# A part of a plug-in, whose names nobody else sees.
cat >"$TEST_TMPDIR/host.c" <<'END'
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char** argv) {
  void* plugin = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);
  if (plugin == NULL) return puts(dlerror()), 1;
  int (*run)(void) = (int (*)(void))dlsym(plugin, "run");
  return run();
}
END
cat >"$TEST_TMPDIR/plugin.c" <<'END'
#include <event2/event.h>
int run(void);
int run(void) {
  struct event_base* base = event_base_new();
  int result = base == NULL || event_base_dispatch(base) != 1;
  event_base_free(base);
  return result;
}
END
cc -Wall "$TEST_TMPDIR/host.c" -o "$TEST_TMPDIR/host"
cc -shared -fPIC -I"$prefix/include" "$TEST_TMPDIR/plugin.c" -L"$lib" -levent_core \
  -Wl,-rpath,"$lib" -o "$TEST_TMPDIR/plugin.so"
EVOKE_SCOPE=127.0.0.1:0 expect "$url" "$TEST_TMPDIR/host" "$TEST_TMPDIR/plugin.so"

# --- Asked for by the program -------------------------------------------------
cat >"$TEST_TMPDIR/own.c" <<'END'
#include <event2/event.h>
#include <evoke/scope.h>
#include <stdio.h>
int main(void) {
  char url[200];
  struct event_base* base = event_base_new();
  if (evoke_scope_start(base, "127.0.0.1:0") != 0) return 1;
  if (evoke_scope_url(url, sizeof(url)) == 0) return 2;
  if (event_base_dispatch(base) != 1) return 3;
  if (evoke_scope_stop(base) != 0) return 4;
  event_base_free(base);
  return puts(url) < 0;
}
END
PKG_CONFIG_PATH=$lib/pkgconfig
export PKG_CONFIG_PATH
read -r -a found <<<"$(pkg-config --cflags --libs libevoke_scope libevent_core)"
cc -Wall -Wextra -Werror "$TEST_TMPDIR/own.c" "${found[@]}" -o "$TEST_TMPDIR/own"
LD_LIBRARY_PATH=$lib expect "$url" "$TEST_TMPDIR/own"
# The same wholly static.
cc -static -Wall -Wextra -I"$prefix/include" "$TEST_TMPDIR/own.c" "$lib/libevoke_scope.a" \
  "$lib/libevent_core.a" -o "$TEST_TMPDIR/own_static" 2>"$TEST_TMPDIR/link.log" ||
  { cat "$TEST_TMPDIR/link.log"; die "the static link failed"; }
expect "$url" "$TEST_TMPDIR/own_static"
if grep -i dlopen "$TEST_TMPDIR/link.log"; then
  die "static programs are warned of dlopen"
fi

# --- Not to be had ------------------------------------------------------------
cc "${flags[@]}" "$lib/libevent_core.a" -o "$TEST_TMPDIR/archive"
EVOKE_SCOPE=127.0.0.1:0 expect '^\[warn\] EVOKE_SCOPE: .*libevoke_scope\.so\.1: cannot open' \
  "$TEST_TMPDIR/archive"
cc -static "${flags[@]}" "$lib/libevent_core.a" -o "$TEST_TMPDIR/static" 2>/dev/null
EVOKE_SCOPE=127.0.0.1:0 expect '^\[warn\] EVOKE_SCOPE: a program without shared libraries' \
  "$TEST_TMPDIR/static"
rm "$lib/libevoke_scope.so.1"
EVOKE_SCOPE=127.0.0.1:0 LD_LIBRARY_PATH=$lib \
  expect "^\[warn\] EVOKE_SCOPE: $lib/libevoke_scope\.so\.1: cannot open" "$TEST_TMPDIR/event_core"

# --- An unmodified program with threads ---------------------------------------
install_into "$prefix"
command -v memcached >/dev/null || die "memcached is not installed"
LD_LIBRARY_PATH=$lib EVOKE_SCOPE=127.0.0.1:0 memcached -u "$(id -un)" -U 0 -l 127.0.0.1 \
  -p -1 -t 3 2>"$TEST_TMPDIR/err" &
memcached=$!
trap 'kill $memcached 2>/dev/null || true' EXIT
for _ in $(seq 300); do
  grep -q token= "$TEST_TMPDIR/err" && break
  sleep 0.1
done
page=$(sed -n 's/^\[msg\] loopscope: //p' "$TEST_TMPDIR/err")
[[ -n $page ]] || { cat "$TEST_TMPDIR/err"; die "memcached shows no page"; }
/usr/bin/python3 - "$page" <<'END'
import json
import sys
import urllib.request
page, token = sys.argv[1].split("/?token=")
for number in range(5):
    with urllib.request.urlopen(f"{page}/state?token={token}&base={number}", timeout=60) as got:
        answer = json.load(got)
    # One loop that listens, four that work for it (three, and one of its own).
    if number < len(answer["bases"]):
        assert answer["state"]["fds"], (number, answer)
assert len(answer["bases"]) >= 4, answer["bases"]
END
kill $memcached
wait $memcached || true
[[ $(wc -l <"$TEST_TMPDIR/err") -le 2 ]] || { cat "$TEST_TMPDIR/err"; die "memcached was told more"; }
