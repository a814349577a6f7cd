#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# evoke_run_test DEB: evoke-run, unpacked from the package, with small programs
# that are linked against Debian's libevent in every way: what it runs, on which
# files, and what it refuses, with which words and exit status.
set -uo pipefail
export LC_ALL=C
unset LD_LIBRARY_PATH LD_PRELOAD

deb=$(readlink -f "$1")
work=$TEST_TMPDIR/work
mkdir -p "$work/package"
dpkg-deb --extract "$deb" "$work/package"
run=$work/package/usr/bin/evoke-run
libraries=$(readlink -f "$work/package/usr/lib/evoke/lib")
cd "$work" || exit 1

failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}

# expect STATUS PATTERN COMMAND...: it ends so, and prints (to either) a line
# that has the pattern. The output stays in $work/output.
expect() {
  local wanted=$1 pattern=$2 status
  shift 2
  "$@" >output 2>&1 </dev/null
  status=$?
  [[ $status == "$wanted" ]] || { cat output; fail "status $status, not $wanted: $*"; }
  grep -qE -- "$pattern" output || { cat output; fail "no '$pattern' from: $*"; }
}

# refuses PROGRAM PATTERN: neither runs it nor calls it fit to run.
refuses() {
  expect 125 "$2" "$run" "$1"
  ! grep -q 'it ran' output || fail "$1 was run"
  expect 1 "$2" "$run" --check "$1"
  ! grep -q 'it ran' output || fail "--check ran $1"
}

compile() { # OUTPUT SOURCE FLAGS...
  local output=$1 source=$2
  shift 2
  cc -Wall -Wextra -Werror "$source" -o "$output" "$@" || fail "cannot compile $output"
}

# --- Programs -----------------------------------------------------------------
# Prints its arguments and which libevent is in its memory.
cat >core.c <<'END'
#include <event2/event.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  char line[4096];
  FILE *maps = fopen("/proc/self/maps", "r");
  struct event_base *base = event_base_new();
  if (maps == NULL || base == NULL) return 99;
  printf("it ran\n");
  for (int i = 1; i < argc; ++i) printf("argument[%s]\n", argv[i]);
  while (fgets(line, sizeof(line), maps) != NULL) {
    char *path = strchr(line, '/');
    if (path != NULL && strstr(path, "libevent") != NULL) printf("map %s", path);
  }
  fclose(maps);
  event_base_free(base);
  return argc == 1 ? 0 : 42;
}
END
cat >http.c <<'END'
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
int main(void) {
  struct event_base *base = event_base_new();
  printf("it ran\n");
  return evhttp_new(base) == NULL;
}
END
cat >tls.c <<'END'
#include <event2/bufferevent_ssl.h>
#include <stdio.h>
int main(void) {
  printf("it ran\n");
  return bufferevent_get_openssl_error(NULL) == 1;
}
END
cat >threads.c <<'END'
#include <event2/event.h>
#include <event2/thread.h>
#include <stdio.h>
int main(void) {
  struct event_base *base;
  if (evthread_use_pthreads() != 0) return 1;
  base = event_base_new();
  if (base == NULL) return 1;
  event_base_free(base);
  printf("it ran\n");
  return 0;
}
END
cat >none.c <<'END'
#include <stdio.h>
int main(void) {
  printf("it ran\n");
  return 0;
}
END
cat >middle.c <<'END'
#include <event2/dns.h>
#include <event2/event.h>
int middle(void);
int middle(void) { return evdns_base_new(event_base_new(), 0) == NULL; }
END
cat >uses_middle.c <<'END'
#include <stdio.h>
int middle(void);
int main(void) {
  printf("it ran\n");
  return middle();
}
END
compile core core.c -levent_core
compile core_all core.c -levent
compile http_all http.c -levent
compile http_extra http.c -levent_extra -levent_core
compile threads threads.c -levent_pthreads -levent_core
compile threads_all threads.c -levent -levent_pthreads
compile none none.c
compile static none.c -static
compile static_pie none.c -static-pie
compile libmiddle.so middle.c -shared -fPIC -levent
compile indirect uses_middle.c -L. -lmiddle '-Wl,-rpath,$ORIGIN'
# The header of TLS wants OpenSSL's.
if [[ -e /usr/include/openssl/ssl.h ]]; then
  compile tls tls.c -levent_openssl -levent_core
else
  sed -i 's/#include.*ssl.h>/unsigned long bufferevent_get_openssl_error(void *);/' tls.c
  compile tls tls.c -levent_openssl -levent_core
fi

# --- What runs, and on what ------------------------------------------------------
for program in core core_all; do
  expect 0 "^map $libraries/libevent" "$run" "./$program"
  [[ $(grep '^map' output | grep -vcF "map $libraries/") == 0 ]] ||
    { cat output; fail "$program has another libevent, too"; }
  expect 0 "=> $libraries/libevent" "$run" --check "./$program"
  ! grep -q 'it ran' output || fail "--check ran $program"
  expect 0 '^map /(usr/)?lib/' "./$program"
done
for program in threads threads_all; do
  expect 0 '^it ran$' "$run" "./$program"
  expect 0 "libevent_pthreads-2.1.so.7 => $libraries/" "$run" --check "./$program"
done

# Arguments and the exit status are the program's.
expect 42 '^argument\[two words\]$' "$run" ./core 'two words' '' --check -- '*'
[[ $(grep -c '^argument' output) == 5 ]] || { cat output; fail "arguments got lost"; }
grep -qx 'argument\[\]' output || fail "the empty argument got lost"
grep -qx 'argument\[--check\]' output || fail "an option of the program's was taken"

# What was in LD_LIBRARY_PATH stays, behind ours.
mkdir -p theirs
cp libmiddle.so theirs/
compile prints_path none.c
printf '#include <event2/event.h>\n#include <stdio.h>\n#include <stdlib.h>\nint main(void) { printf("%%s %%s\\n", event_get_version(), getenv("LD_LIBRARY_PATH")); return 0; }\n' >path.c
compile path path.c -levent_core
expect 0 "stable $libraries:$work/theirs:/nowhere\$" \
  env LD_LIBRARY_PATH="$work/theirs:/nowhere" "$run" ./path
expect 0 "stable $libraries\$" env LD_LIBRARY_PATH= "$run" ./path

# Found by PATH, by another directory of libraries, behind --.
expect 0 "^map $libraries/" env PATH="/nowhere:$work:$PATH" "$run" -- core
cp -a "$libraries" elsewhere
expect 0 "^map $work/elsewhere/" "$run" --library-path elsewhere ./core
expect 0 "^map $work/elsewhere/" "$run" --library-path=elsewhere ./core

# A script is its interpreter.
printf '#!%s/core\n' "$work" >script
printf '#!/usr/bin/env -S A=b core\n' >env_script
chmod +x script env_script
expect 42 "^argument\[./script\]" "$run" ./script
expect 42 "^map $libraries/" env PATH="$work:$PATH" "$run" ./env_script

# --- What evoke lacks --------------------------------------------------------------
refuses ./http_all 'evoke lacks evhttp_new, which is needed by \./http_all'
refuses ./indirect "evoke lacks evdns_base_new, which is needed by .*/libmiddle\.so"
expect 1 'evoke lacks evdns_base_new' "$run" --check ./libmiddle.so
printf '#!%s/http_all\n' "$work" >http_script
chmod +x http_script
refuses ./http_script 'evoke lacks evhttp_new'
grep -q "is a script; what runs it is $work/http_all" output || fail "the script's interpreter is not named"

# --- What would be mixed -------------------------------------------------------------
refuses ./http_extra 'libevent_extra-2\.1\.so\.7 would be mixed with evoke'
grep -q 'evoke lacks evutil_socket_, which is needed by .*libevent_extra' output ||
  fail "the private symbols are not named"
refuses ./tls 'libevent_openssl-2\.1\.so\.7 would be mixed with evoke'
grep -q 'evoke lacks bufferevent_init_common_' output || fail "the private symbols are not named"
# Half of evoke is none: the rest would be Debian's.
cp -a "$libraries" half
rm half/libevent_pthreads*
expect 125 'libevent_pthreads-2\.1\.so\.7 would be mixed' "$run" --library-path half ./threads

# --- What the loader would not take from us ----------------------------------------------
debian=$(dirname "$(ldd ./core | awk '/libevent_core/ { print $3 }')")
compile rpath core.c -levent_core "-Wl,--disable-new-dtags,-rpath,$debian"
refuses ./rpath 'would be taken, and not evoke'"'"'s'
compile runpath core.c -levent_core "-Wl,--enable-new-dtags,-rpath,$debian"
expect 0 "^map $libraries/" "$run" ./runpath
expect 125 'would be taken, and not evoke' \
  env LD_PRELOAD="$debian/libevent_core-2.1.so.7" "$run" ./core

refuses ./static 'linked statically'
refuses ./static_pie 'linked statically'

# Setuid to somebody else; root may give a file away.
if [[ $(id -u) == 0 ]] && cp core setuid && chown 1 setuid 2>/dev/null && chmod 4755 setuid; then
  refuses ./setuid 'is setuid: the loader ignores LD_LIBRARY_PATH'
  cp core setgid && chgrp 1 setgid && chmod 2755 setgid
  refuses ./setgid 'is setgid: the loader ignores LD_LIBRARY_PATH'
fi
# Setuid to the caller changes nothing.
cp core own && chmod u+s own
expect 0 "^map $libraries/" "$run" ./own

# --- No libevent at all ----------------------------------------------------------------------
refuses ./none 'needs no libevent'
expect 125 'use --allow-none' "$run" ./none
expect 0 '^it ran$' "$run" --allow-none ./none
expect 0 'runs on evoke' "$run" --check --allow-none ./none
expect 0 "^map $libraries/" "$run" --allow-none sh -c './core'

# --- Not programs ------------------------------------------------------------------------------
expect 127 'No such file' "$run" ./nothing
expect 127 'No such file' "$run" no-program-has-this-name
expect 127 'empty' "$run" ''
expect 126 'Permission denied' "$run" ./core.c
expect 126 'Permission denied' "$run" .
expect 126 'neither an ELF program nor a script' "$run" --check ./core.c
printf 'words\n' >words && chmod +x words
expect 126 'neither an ELF program nor a script' "$run" ./words
printf '#! /nowhere/interpreter\n' >orphan && chmod +x orphan
expect 126 '/nowhere/interpreter: No such file' "$run" ./orphan
printf '#!%s/loop\n' "$work" >loop && chmod +x loop
expect 126 'Too many levels' "$run" ./loop
head -c 100 core >cut && chmod +x cut
expect 126 'damaged' "$run" ./cut
# Its fifth byte says: 32 bits.
{ head -c 4 core; printf '\1'; tail -c +6 core; } >other && chmod +x other
expect 125 'another kind of processor' "$run" ./other
# Its interpreter is not our loader.
loader=$(readelf --program-headers --wide core | sed -n 's/.*interpreter: \(.*\)\]/\1/p')
cp "$loader" ld-own.so
compile own_loader core.c -levent_core "-Wl,--dynamic-linker=$work/ld-own.so"
expect 125 'has a loader of its own' "$run" ./own_loader

# --- Usage ----------------------------------------------------------------------------------------
expect 125 '^usage:' "$run"
expect 125 '^usage:' "$run" --check
expect 125 '^usage:' "$run" --nonsense ./core
expect 0 '^usage:' "$run" --help
expect 125 'libevent_core-2.1.so.7' "$run" --library-path theirs ./core
expect 125 'No such file' "$run" --library-path nowhere ./core
mkdir -p 'a:b' && cp -a "$libraries/." 'a:b'
expect 125 'LD_LIBRARY_PATH cannot name' "$run" --library-path a:b ./core
# Several at once: the worst status.
expect 1 'runs on evoke' "$run" --check ./core ./http_all
expect 127 'evoke lacks evhttp_new' "$run" --check ./core ./http_all ./nothing
exit $failed
