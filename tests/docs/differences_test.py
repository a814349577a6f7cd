#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""docs/differences.md keeps its form: each entry says why, and names tests that
are there.

differences_test.py DIFFERENCES, in any directory: the tree is found from where
the page really is.
"""
import os
import re
import sys

page = os.path.realpath(sys.argv[1])
tree = os.path.dirname(os.path.dirname(page))
with open(page, encoding="utf-8") as file:
    text = file.read()
failures = []


def sources(folder):
    """The text of all tests below a folder."""
    found = []
    for where, _, names in os.walk(os.path.join(tree, folder)):
        for name in names:
            if name.endswith((".c", ".cc", ".h", ".txt", ".py")):
                with open(os.path.join(where, name), encoding="utf-8") as file:
                    found.append(file.read())
    return "\n".join(found)


SCENARIOS = sources("tests/differential")


def check_test(name, entry):
    if "/" in name:
        there = os.path.exists(os.path.join(tree, name))
    else:
        there = re.search(r"\b%s\b" % re.escape(name), SCENARIOS) is not None
    if not there:
        failures.append("no test %s, which is named by: %s" % (name, entry))


entries = 0
section_says_why = False
for block in re.split(r"(?m)^(?=- |## |\n)", text):
    block = " ".join(block.split())
    if block.startswith("## "):
        section_says_why = False
    if not block.startswith("- "):
        section_says_why |= "Why: " in block
        continue
    entries += 1
    start = block[2:70] + "..."
    if "Why: " not in block and not section_says_why:
        failures.append("it does not say why: " + start)
    tests = re.search(r"\(((?:`[^`]+`(?:, (?:\w+ )*)?)+)[^()]*\)$", block)
    if tests is None:
        failures.append("it names no test at its end: " + start)
        continue
    for name in re.findall(r"`([^`]+)`", tests.group(1)):
        check_test(name, start)

if entries < 20:
    failures.append("only %d entries were found" % entries)
for failure in failures:
    print("FAILED: " + failure)
sys.exit(1 if failures else 0)
