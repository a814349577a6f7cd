# SPDX-License-Identifier: BSD-3-Clause
#
# What //:deb is made of. A macro, since a test builds the same package again.
load("//packaging:deb.bzl", "deb_package")

def evoke_deb(name, **kwargs):
    deb_package(
        name = name,
        documents = [
            "//:CHANGELOG.md",
            "//:LICENSE",
            "//docs:differences.md",
            "//docs:drop-in.md",
            "//packaging:systemd-drop-in.conf",
            "//tools/evoke_run:evoke-run.1",
        ],
        install = "//:install",
        package = "evoke",
        program = "//tools/evoke_run:evoke-run",
        # The time of every file in the package: 2026-11-24 00:00:00 UTC. Moved
        # by hand, with the version.
        source_date_epoch = 1795478400,
        # 0.1 is not yet released: "~" sorts before it.
        version = "0.1~dev",
        **kwargs
    )
