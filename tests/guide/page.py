# SPDX-License-Identifier: BSD-3-Clause
"""Takes a page apart: its fenced blocks, with the marks before them."""

import collections
import re

Block = collections.namedtuple("Block", "line language mark text")

MARK = re.compile(r"^<!-- (.*) -->$")
FENCE = re.compile(r"^```(\w*)$")


def blocks_of(path):
    found = []
    mark, opened = "", None
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            fence = FENCE.match(line.rstrip("\n"))
            if opened is not None:
                if line == "```\n":
                    found.append(Block(*opened, "".join(body)))
                    opened, mark = None, ""
                else:
                    body.append(line)
            elif fence:
                opened, body = (number, fence[1], mark), []
            else:
                match = MARK.match(line.strip())
                mark = match[1] if match else ""
    if opened is not None:
        raise ValueError("%s:%d: a block without an end" % (path, opened[0]))
    return found


def argument(block, kind):
    """What the mark `kind: ...` says; None if the mark is another."""
    return (block.mark[len(kind) + 2:]
            if block.mark.startswith(kind + ": ") else None)


def numbers_vary(block):
    return block.mark.endswith("numbers vary")


def is_expected(block):
    return block.mark.split(";")[0] == "expect"


def is_run(block):
    return (block.language in ("sh", "console") and
            block.mark in ("", "numbers vary"))


def outside_blocks(path):
    """The page without its blocks and without code in the text."""
    with open(path, encoding="utf-8") as file:
        return re.sub(r"^```.*?^```$", "", file.read(), flags=re.M | re.S)
