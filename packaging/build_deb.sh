#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# build_deb MANIFEST OUTPUT PACKAGE VERSION ARCHITECTURE EPOCH: lays out the
# package's tree and calls dpkg-deb. MANIFEST has a line "FILE<TAB>NAME" for
# each file that may go in; NAME is its place in the source tree or in Bazel's
# output tree. Called by Bazel, in deb.bzl.
set -euo pipefail
export LC_ALL=C TZ=UTC
umask 022

manifest=$1 output=$2 package=$3 version=$4 architecture=$5
export SOURCE_DATE_EPOCH=$6

maintainer='The evoke developers <evoke@evoke.invalid>'

work=$(mktemp -d "${TMPDIR:-/tmp}/build_deb.XXXXXX")
trap 'rm -rf "$work"' EXIT
staged=$work/runfiles/evoke
root=$work/root

while IFS=$'\t' read -r file name; do
  mkdir -p "$staged/$(dirname "$name")"
  cp -L "$file" "$staged/$name"
done <"$manifest"

# The tree of //:install is /usr/lib/evoke: a place that the loader and the
# compilers do not look in by themselves.
prefix=/usr/lib/$package
RUNFILES_DIR=$work/runfiles DESTDIR=$root \
  bash "$staged/tools/install/install.sh" --prefix "$prefix" >/dev/null

binary=$root/usr/bin/evoke-run
install -D -m 755 "$staged/tools/evoke_run/evoke-run" "$binary"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$binary"
find "$root$prefix/lib" -maxdepth 1 -name '*.so.*' -type f \
  -exec strip --strip-unneeded --remove-section=.comment --remove-section=.note {} +
find "$root$prefix/lib" -maxdepth 1 -name '*.a' -type f \
  -exec strip --strip-debug --enable-deterministic-archives {} +

# Documents: compressed where Debian's policy wants it.
documents=$root/usr/share/doc/$package
install -D -m 644 "$staged/documents/LICENSE" "$documents/copyright"
install -D -m 644 "$staged/documents/systemd-drop-in.conf" \
  "$documents/examples/systemd-drop-in.conf"
for page in CHANGELOG.md drop-in.md differences.md; do
  install -D -m 644 "$staged/documents/$page" "$documents/$page"
done
gzip -9 -n >"$documents/changelog.gz" <<END
$package ($version) unstable; urgency=medium

  * What changed is told in /usr/share/doc/$package/CHANGELOG.md.

 -- $maintainer  $(date --utc --rfc-email --date="@$SOURCE_DATE_EPOCH")
END
mkdir -p "$root/usr/share/man/man1"
gzip -9 -n -c "$staged/documents/evoke-run.1" >"$root/usr/share/man/man1/evoke-run.1.gz"

# The newest version of libc's interface that any of our files asks for.
needed_libc=$(find "$root/usr/bin" "$root$prefix/lib" \( -name evoke-run -o -name '*.so.*' \) \
  -type f -exec readelf --version-info --wide {} + |
  grep -o 'Name: GLIBC_[0-9.]*' | sed 's/.*_//' | sort -uV | tail -n 1)
[ -n "$needed_libc" ]

mkdir -p "$root/DEBIAN"
installed_kib=$(find "$root/usr" -type f -printf '%s\n' | awk '{ sum += int(($1 + 1023) / 1024) } END { print sum }')
cat >"$root/DEBIAN/control" <<END
Package: $package
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $installed_kib
Depends: libc6 (>= $needed_libc)
Section: libs
Priority: optional
Description: event loop with libevent's API and ABI
 evoke is libevent's core (events, buffers, bufferevents, listeners), rebuilt
 with the same C API and ABI: libevent_core, libevent_pthreads and the core of
 the all-in-one libevent, for programs that were built against libevent 2.1.
 .
 It is installed in a directory of its own, beside Debian's libevent, and is
 used by a program only when asked for: evoke-run runs one program on it, after
 it has looked whether that can work.
END
find "$root" -type d -exec chmod 755 {} +
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/md5sums"

find "$root" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$root" "$output" >/dev/null
