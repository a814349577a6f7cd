#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# check.sh finds what it is there to find: each offence is planted in a small
# library, and the check for it must fail and name it.
set -uo pipefail

check=$PWD/tests/symbols/check.sh
api=$PWD/tests/symbols/libevent_api.tsv
cd "$TEST_TMPDIR" || exit 1
failed=0

# expect STATUS TEXT CHECK ARGS...: the check exits so and prints TEXT.
expect() {
  local status=$1 text=$2 out got
  shift 2
  out=$("$check" "$@" 2>&1)
  got=$?
  if [[ $got != "$status" ]]; then
    echo "check.sh $*: exit status $got, not $status: $out"
    failed=1
  elif [[ $out != *"$text"* ]]; then
    echo "check.sh $*: does not say '$text': $out"
    failed=1
  fi
}

# build NAME: compiles stdin to NAME.o, NAME.a and NAME.so.
build() {
  cat >"$1.cc"
  g++ -std=c++20 -fPIC -c "$1.cc" -o "$1.o" &&
    ar rcs "$1.a" "$1.o" &&
    g++ -shared -Wl,-soname,"$1.so.7" -Wl,--as-needed -o "$1.so" "$1.o" || exit 1
}

mkdir -p include
{
  for i in $(seq 120); do echo "int evoke_function_$i(void);"; done
} >include/many.h

build good <<'END'
#include <stdlib.h>
extern "C" void* event_base_new() { return malloc(1); }
namespace evoke { int Internal() { return 1; } }
END
build cxx <<'END'
#include <string>
extern "C" int event_base_new(const char* s) { return std::string(s).size() + *new int(3); }
END
build guard <<'END'
extern "C" int random_source();
extern "C" int event_base_new() { static int once = random_source(); return once; }
END
build names <<'END'
extern "C" int event_base_new() { return 1; }
extern "C" int stray_helper() { return 1; }
int StrayFunction() { return 1; }
END
build constructor <<'END'
#include <stdlib.h>
static void* memory = malloc(3);
extern "C" void* event_base_new() { return memory; }
END
build local <<'END'
thread_local int numbers[100];
extern "C" int event_base_new() { return numbers[3]; }
END

expect 0 "" undefined good.a good.so
expect 1 "operator new(unsigned long)" undefined cxx.a
expect 1 "operator new(unsigned long)" undefined cxx.so
expect 1 "__cxa_guard_acquire" undefined guard.a
expect 0 "" exported "$api" good.a
expect 1 "stray_helper" exported "$api" names.a
expect 1 "StrayFunction()" exported "$api" names.a
expect 1 "stray_helper" exported "$api" names.so
expect 1 "soname is not good.so.8" dynamic good.so.8 good.so
expect 0 "" dynamic good.so.7 good.so
expect 1 "needs: libstdc++.so.6" dynamic cxx.so.7 cxx.so
expect 0 "" dynamic cxx.so.7 cxx.so libstdc++.so.6 libgcc_s.so.1
expect 1 "needs: not libm.so.6" dynamic good.so.7 good.so libm.so.6
expect 1 "when it is loaded or unloaded, by: .init_array" \
  dynamic constructor.so.7 constructor.so
expect 1 "has thread-local variables of: 0x000190 bytes" dynamic local.so.7 local.so
build environment <<'END'
#include <stdlib.h>
extern "C" void* event_base_new() { return getenv("EVOKE_SCOPE"); }
END
expect 1 "environment.so needs: getenv" undefined environment.so
build guest <<'END'
extern "C" int event_base_new();
extern "C" int evoke_nowhere();
extern "C" int evoke_scope_start() { return event_base_new() + evoke_nowhere(); }
END
expect 1 "guest.so needs, and good.so has not,: evoke_nowhere" host guest.so good.so
expect 1 "good.so needs nothing" host good.so good.so
# No function of theirs is promised for later.
export NOT_YET_DEFINED=/dev/null
expect 1 "declared, but not in good.so: evoke_function_7" declared "$PWD/include" good.so
expect 1 "in good.so, but in no header: event_base_new" declared "$PWD/include" good.so
{
  echo '# head'
  echo evoke_function_7
  echo event_base_new
} >later.txt
export NOT_YET_DEFINED=$PWD/later.txt
expect 1 "in not_yet_defined.txt, but defined: event_base_new" \
  declared "$PWD/include" good.so
expect 1 "declared, but not in good.so: evoke_function_8" \
  declared "$PWD/include" good.so

[[ $failed = 0 ]] && echo "every planted offence was found"
exit $failed
