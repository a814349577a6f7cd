#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Another Bazel workspace takes evoke through local_repository. It builds in
# batch mode (no server is left behind), in an output root of its own, without
# the network.
source tests/consumers/lib.sh

# The workspace is where the link to its WORKSPACE file points.
source_tree=$(dirname "$(readlink -f WORKSPACE)")
[[ -d $source_tree/third_party ]] || die "no workspace at $source_tree"

workspace=$TEST_TMPDIR/workspace
mkdir -p "$workspace"
sed "s|@EVOKE@|$source_tree|" "$here/bazel_workspace/WORKSPACE.in" >"$workspace/WORKSPACE"
cp "$here/bazel_workspace/BUILD.in" "$workspace/BUILD"
cp "$consumer" "$workspace/consumer.c"

export HOME=$TEST_TMPDIR USER=${USER:-nobody}
unset TEST_SRCDIR RUNFILES_DIR TEST_WORKSPACE
cd "$workspace"
"${BAZEL:-bazel}" --batch --output_user_root="$TEST_TMPDIR/bazel" --host_jvm_args=-Xmx1g \
  build --jobs=2 --symlink_prefix=out- --noshow_progress --color=no \
  --nosandbox_debug //:consumer >"$TEST_TMPDIR/bazel.log" 2>&1 ||
  { cat "$TEST_TMPDIR/bazel.log"; die "the nested build failed"; }
if readelf --dynamic out-bin/consumer | grep 'NEEDED.*libevent.*-2\.1'; then
  die "the program needs the machine's libevent"
fi
program=$(readlink -f out-bin/consumer)
"$program" "$(dirname "$program")"
chmod -R u+w "$TEST_TMPDIR/bazel"
rm -rf "$TEST_TMPDIR/bazel"
