#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# install_test scratch|system DEB: installs the package, runs memcached on it,
# and purges it, after which nothing is left.
#
# scratch  into a root directory of its own, with a database of its own
# system   into the machine, with apt; as root
set -euo pipefail
export LC_ALL=C
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
where=$1
deb=$(readlink -f "$2")
client=$PWD/tests/packaging/memcached_client.py

# dpkg gives files to root. Where the test is run by somebody else, it is root
# in a namespace of its own.
if [[ $(id -u) != 0 ]]; then
  [[ $where == scratch ]] || { echo "only root can install into the machine"; exit 1; }
  exec unshare --map-root-user "$0" "$@"
fi

die() {
  echo "FAILED: $*" >&2
  exit 1
}

memcached=$(command -v memcached || echo /usr/bin/memcached)
[[ -x $memcached ]] || die "no memcached here; it is a Debian package"

# Sockets have short names.
work=$(mktemp -d /tmp/install_test.XXXXXX)
server=
clean_up() {
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  [[ $where != system ]] || ! dpkg-query -W evoke >/dev/null 2>&1 || dpkg --purge evoke || true
  rm -rf "$work"
}
trap clean_up EXIT

# What is there: all of the scratch root; of the machine what bears our name.
if [[ $where == scratch ]]; then
  root=$work/root
  mkdir -p "$root/var/lib/dpkg/"{info,updates,triggers}
  # libc6 is installed, as on the machine; it has no files here.
  cp /var/lib/dpkg/status "$root/var/lib/dpkg/status"
  touch "$root/var/lib/dpkg/available"
  find_all() {
    (cd "$root" && find . -path ./var/lib/dpkg -prune -o -print; find var/lib/dpkg/info) 2>/dev/null |
      grep -v '^var/lib/dpkg/info/format$' | sort
  }
  run_dpkg() {
    dpkg --root="$root" --log=/dev/null "$@"
  }
  purge() {
    run_dpkg --purge evoke
  }
else
  root=
  ! dpkg-query -W evoke >/dev/null 2>&1 || die "evoke is installed here already"
  find_all() {
    find /usr /etc /opt /var/lib /lib/ -xdev -name '*evoke*' 2>/dev/null | sort
    ldconfig -p | grep -c libevent
  }
  run_dpkg() {
    dpkg "$@"
  }
  purge() {
    DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=300 purge evoke </dev/null
  }
fi

find_all >"$work/before"
run_dpkg -i "$deb" >"$work/log" 2>&1 || { cat "$work/log"; die "dpkg -i"; }
[[ $(run_dpkg --status evoke | sed -n 's/^Status: //p') == "install ok installed" ]] ||
  die "not installed"
run_dpkg --verify evoke >"$work/log" || die "dpkg --verify"
[[ ! -s $work/log ]] || die "dpkg --verify says: $(cat "$work/log")"
libraries=$(readlink -f "$root/usr/lib/evoke/lib")
run="$root/usr/bin/evoke-run"

# maps PID: which libevent the process uses.
maps() {
  grep -o '/.*libevent.*' "/proc/$1/maps" | sort -u
}

# start COMMAND...: a memcached at $work/socket, in $server.
start() {
  rm -f "$work/socket"
  "$@" -u root -s "$work/socket" -t 4 -m 64 2>"$work/server.log" &
  server=$!
  local tries
  for ((tries = 0; tries < 600; ++tries)); do
    [[ ! -S $work/socket ]] || return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  cat "$work/server.log"
  die "memcached does not start: $*"
}

stop() {
  kill "$server"
  wait "$server" || true
  server=
}

# Installed, it changes nothing for a program that is started as ever.
start "$memcached"
maps "$server" | grep -q evoke && die "it is used without evoke-run"
[[ -n $(maps "$server") ]] || die "memcached uses no libevent at all"
stop

"$run" --check "$memcached" || die "evoke-run refuses memcached"
start "$run" "$memcached"
maps "$server"
[[ -n $(maps "$server") ]] || die "no libevent in its memory"
maps "$server" | grep -vF "$libraries/" && die "another libevent than evoke's in its memory"
python3 "$client" "$work/socket"
stop

purge >"$work/log" 2>&1 || { cat "$work/log"; die "purge"; }
find_all >"$work/after"
diff "$work/before" "$work/after" || die "purge leaves that, or takes it"
if run_dpkg --status evoke >/dev/null 2>&1; then
  die "dpkg still knows it"
fi
