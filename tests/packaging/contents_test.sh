#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# contents_test DEB AGAIN: what is in the package, and that building it again
# gives the same.
set -euo pipefail
export LC_ALL=C
deb=$1
again=$2

failed=0
fail() {
  echo "FAILED: $*"
  failed=1
}

cmp "$deb" "$again" || fail "building it twice gives two packages"

# --- The fields -------------------------------------------------------------
field() {
  dpkg-deb --field "$deb" "$1"
}
expect_field() { # NAME PATTERN
  [[ $(field "$1") =~ ^$2$ ]] || fail "$1 is '$(field "$1")'"
}
expect_field Package 'evoke'
expect_field Version '[0-9][0-9.]*(~dev)?'
expect_field Architecture "$(dpkg --print-architecture)"
expect_field Depends 'libc6 \(>= 2\.[0-9]+(\.[0-9]+)?\)'
for none in Conflicts Replaces Provides Breaks Pre-Depends; do
  [[ -z $(field "$none") ]] || fail "it has $none"
done
[[ $(basename "$deb") == "evoke_$(field Version)_$(field Architecture).deb" ]] ||
  fail "the name of the file is $(basename "$deb")"

# --- Maintainer scripts, configuration files -----------------------------------
root=$TEST_TMPDIR/root
control=$TEST_TMPDIR/control
dpkg-deb --extract "$deb" "$root"
dpkg-deb --control "$deb" "$control"
[[ $(ls "$control") == $'control\nmd5sums' ]] || fail "beside the fields: $(ls "$control")"
(cd "$root" && md5sum --check --quiet --strict) <"$control/md5sums" || fail "md5sums"
[[ $(wc -l <"$control/md5sums") == $(find "$root" -type f | wc -l) ]] ||
  fail "md5sums does not name every file"

# --- Places, owners, times -------------------------------------------------------
dpkg-deb --contents "$deb" >"$TEST_TMPDIR/list"
if grep -v ' root/root ' "$TEST_TMPDIR/list"; then
  fail "an owner is not root"
fi
if grep -vE '^(drwxr-xr-x|-rw-r--r--|lrwxrwxrwx|-rwxr-xr-x .* \./usr/bin/evoke-run$)' "$TEST_TMPDIR/list"; then
  fail "a mode is neither 755 nor 644"
fi
[[ $(awk '{ print $4, $5 }' "$TEST_TMPDIR/list" | sort -u | wc -l) == 1 ]] || fail "times differ"
allowed='^\./$|^\./usr/$|^\./usr/(bin|lib|share|share/doc|share/man|share/man/man1)/$|^\./usr/bin/evoke-run$'
allowed+='|^\./usr/lib/evoke/|^\./usr/share/doc/evoke/|^\./usr/share/man/man1/evoke-run\.1\.gz$'
if awk '{ print $6 }' "$TEST_TMPDIR/list" | grep -vE "$allowed"; then
  fail "files in places that are not the package's own"
fi

# --- The files -------------------------------------------------------------------
for file in \
  usr/bin/evoke-run \
  usr/lib/evoke/include/event2/event.h \
  usr/lib/evoke/include/event2/thread.h \
  usr/lib/evoke/lib/libevent{,_core,_pthreads}-2.1.so.7 \
  usr/lib/evoke/lib/libevent{,_core,_pthreads}.{a,so} \
  usr/lib/evoke/lib/libevoke_scope.{a,so,so.1} \
  usr/lib/evoke/lib/pkgconfig/libevent_core.pc \
  usr/share/doc/evoke/{copyright,changelog.gz,drop-in.md,differences.md} \
  usr/share/doc/evoke/examples/systemd-drop-in.conf \
  usr/share/man/man1/evoke-run.1.gz; do
  [[ -s $root/$file ]] || fail "no $file"
done

# Nothing needs more than libc, and nothing says where to look for it.
for file in "$root"/usr/bin/evoke-run "$root"/usr/lib/evoke/lib/*.so; do
  readelf --dynamic --wide "$file" >"$TEST_TMPDIR/dynamic"
  if grep NEEDED "$TEST_TMPDIR/dynamic" |
    grep -vE '\[(libc\.so\.6|ld-linux[^]]*|libevent_core-2\.1\.so\.7)\]'; then
    fail "$file needs that"
  fi
  if grep -E 'RPATH|RUNPATH' "$TEST_TMPDIR/dynamic"; then
    fail "$file has that"
  fi
  if readelf --sections --wide "$file" | grep -E '\.(debug_info|symtab)'; then
    fail "$file is not stripped"
  fi
done

# The libc that it depends on is the newest that a file of it needs.
needed=$(readelf --version-info --wide "$root"/usr/bin/evoke-run "$root"/usr/lib/evoke/lib/*.so |
  grep -o 'Name: GLIBC_[0-9.]*' | sed 's/.*_//' | sort -uV | tail -n 1)
[[ $(field Depends) == "libc6 (>= $needed)" ]] || fail "$needed is needed, not $(field Depends)"

# The drop-in and the manual page name the place where the libraries are.
for page in examples/systemd-drop-in.conf drop-in.md; do
  grep -qx 'Environment=LD_LIBRARY_PATH=/usr/lib/evoke/lib' "$root/usr/share/doc/evoke/$page" ||
    fail "the drop-in in $page"
done
zcat "$root/usr/share/man/man1/evoke-run.1.gz" | grep -q '/usr/lib/evoke/lib' || fail "the manual page"
exit $failed
