# SPDX-License-Identifier: BSD-3-Clause
"""Bazel's targets that a page names, and whether they exist, without Bazel."""

import os
import re

LABEL = re.compile(r"(?<![\w:/])//[\w./-]*(?::[\w./-]+)?")


def labels_of(text):
    """`//a/b:c`, `//a/b`, `//a/b/...`"""
    return [label.rstrip(".") if not label.endswith("...") else label
            for label in LABEL.findall(text)]


def exists(tree, label):
    """Whether the package's BUILD has the name: as a string, or made of a string
    of its lists and what the rule puts behind each of them."""
    package, _, target = label[2:].partition(":")
    if package.endswith("..."):
        return any("BUILD" in files for _, _, files in
                   os.walk(os.path.join(tree, package[:-len("...")])))
    build = os.path.join(tree, package, "BUILD")
    if not os.path.exists(build):
        return False
    with open(build, encoding="utf-8") as file:
        text = file.read()
    target = target or os.path.basename(package)
    strings = set(re.findall(r'"([^"\n]*)"', text))
    endings = re.findall(r'name = name \+ "([^"\n]*)"', text)
    return target in strings or any(
        target.endswith(ending) and target[:-len(ending)] in strings
        for ending in endings)
