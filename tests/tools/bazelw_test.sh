#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# bazelw, with dpkg-query, apt-get, id, sudo and bazel replaced by scripts that
# write down how they were called.
set -uo pipefail

bazelw=$PWD/bazelw
cd "$TEST_TMPDIR" || exit 1
failed=0

fail() {
  echo "FAILED: $*"
  failed=1
}

# A machine whose commands are all in ./bin; `installed` lists its packages.
reset_machine() { # UID
  rm -rf bin calls installed
  mkdir bin
  touch calls installed
  cat >bin/dpkg-query <<'END'
#!/bin/sh
for package; do :; done
if grep -qx "$package" "$TEST_TMPDIR/installed"; then echo 'ii '; else exit 1; fi
END
  cat >bin/apt-get <<'END'
#!/bin/sh
echo "apt-get $* [$DEBIAN_FRONTEND]" >>"$TEST_TMPDIR/calls"
case " $* " in
  *" update "*) exit "${UPDATE_STATUS:-0}" ;;
  *" install "*)
    for word; do echo "$word" >>"$TEST_TMPDIR/installed"; done
    exit "${INSTALL_STATUS:-0}"
    ;;
esac
END
  cat >bin/bazel <<'END'
#!/bin/sh
echo "bazel:$#:$*" >>"$TEST_TMPDIR/calls"
echo "from bazel"
exit 7
END
  printf '#!/bin/sh\necho %s\n' "$1" >bin/id
  chmod +x bin/*
  for tool in env sh grep; do ln -s "$(command -v "$tool")" "bin/$tool"; done
}

run() { # ARGS: fills status, out and err
  out=$(PATH=$TEST_TMPDIR/bin "$bazelw" "$@" 2>err)
  status=$?
  err=$(<err)
}

# Everything is missing; root installs it and Bazel gets its arguments.
reset_machine 0
run test '//a b:c' -k
[[ $status == 7 ]] || fail "exit status $status is not bazel's: $err"
[[ $out == "from bazel" ]] || fail "stdout holds more than bazel's: $out"
[[ $err == *"installing: bazel-bootstrap "* ]] || fail "does not say what it installs: $err"
grep -q '^apt-get .*install .*bazel-bootstrap .*g++ .*\[noninteractive\]$' calls || fail "apt-get: $(<calls)"
grep -qx 'bazel:3:test //a b:c -k' calls || fail "bazel's arguments: $(<calls)"

# Everything is there now: apt-get is not called again.
: >calls
run build
[[ $(<calls) == "bazel:1:build" ]] || fail "with all packages there: $(<calls)"

# One is missing: only that one is installed.
reset_machine 0
run version
sed -i '/^cmake$/d' installed
: >calls
run version
grep -q -- '--no-install-recommends cmake \[' calls || fail "more than cmake: $(<calls)"

# Told not to install: the list, an error, and nothing else.
reset_machine 0
BAZELW_NO_INSTALL=1 run build
[[ $status == 1 ]] || fail "BAZELW_NO_INSTALL: exit status $status"
[[ $err == *"missing packages: bazel-bootstrap "* ]] || fail "BAZELW_NO_INSTALL: $err"
[[ ! -s calls ]] || fail "BAZELW_NO_INSTALL: $(<calls)"

# Neither root nor sudo.
reset_machine 1000
run build
[[ $status == 1 && $err == *"need root"* && ! -s calls ]] || fail "no root: $status $err $(<calls)"

# With sudo.
reset_machine 1000
# shellcheck disable=SC2016 # for the script that is written
printf '#!/bin/sh\necho "sudo" >>"$TEST_TMPDIR/calls"\nexec "$@"\n' >bin/sudo
chmod +x bin/sudo
run build
[[ $status == 7 && $(grep -c '^sudo$' calls) == 2 ]] || fail "sudo: $status $err $(<calls)"

# The lists cannot be fetched, but the packages are there all the same.
reset_machine 0
UPDATE_STATUS=100 run build
[[ $status == 7 ]] || fail "a failed update: $status $err"

# The packages cannot be installed: no build is tried.
reset_machine 0
INSTALL_STATUS=100 run build
[[ $status == 1 && $err == *"could not install"* ]] || fail "a failed install: $status $err"
if grep -q '^bazel' calls; then fail "bazel ran after a failed install"; fi

# Extra packages.
reset_machine 0
BAZELW_EXTRA="clang-format git" run build
grep -q 'clang-format git \[' calls || fail "BAZELW_EXTRA: $(<calls)"

[[ $failed == 0 ]] && echo "all as expected"
exit $failed
