#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Each model is a program of a page or two, and its head says what it is for."""

import pathlib
import unittest

DIRECTORY = pathlib.Path("examples/models")
LINES = range(60, 151)
PARTS = ("Idea:", "Right when:", "Breaks when:", "Who:")


def head(text):
    """The words of the comment that a source begins with, on one line."""
    words = []
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        words += line[2:].split()
    return " ".join(words)


def faults(text):
    """What is wrong with the source of a model."""
    found = []
    count = len(text.splitlines())
    if count not in LINES:
        found.append(f"{count} lines, not {LINES[0]} to {LINES[-1]}")
    at = 0
    for part in PARTS:
        here = head(text).find(part, at)
        if here < 0:
            found.append(f"no '{part}' in its place in the head")
        at = max(at, here)
    return found


class ShapeTest(unittest.TestCase):
    def test_every_model_is_short_and_says_what_it_is_for(self):
        models = sorted([*DIRECTORY.glob("*.c"), *DIRECTORY.glob("*.cc")])
        self.assertGreaterEqual(len(models), 27)
        for model in models:
            with self.subTest(model=model.name):
                self.assertEqual(faults(model.read_text("utf-8")), [])

    def test_what_would_be_wrong_is_found(self):
        lines = ["// A model.", "//", "// Idea: one. Right", "// when: two."]
        lines += ["// Breaks when: three. Who: four."]
        code = ["int x;"] * 60
        self.assertEqual(faults("\n".join(lines + code)), [])
        self.assertEqual(len(faults("\n".join(lines + code[:54]))), 1)
        self.assertEqual(len(faults("\n".join(lines + code * 3))), 1)
        # Only the head counts, and the order of its parts.
        self.assertEqual(len(faults("\n".join(lines[:4] + code + lines))), 2)
        self.assertEqual(len(faults("\n".join(code + lines))), 4)
        swapped = ["// Breaks when: no. Idea: one. Right when: two. Who: me."]
        self.assertEqual(len(faults("\n".join(swapped + code))), 1)


if __name__ == "__main__":
    unittest.main()
