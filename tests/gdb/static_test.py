#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gdb's view of a program that has the library in it, not optimised."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from known_events import KnownEvents  # noqa: E402


class Static(KnownEvents):
    program = os.path.abspath("tests/gdb/waits")


class StaticWithLocks(Static):
    arguments = ("locks",)


del KnownEvents  # not to be run by itself

if __name__ == "__main__":
    unittest.main()
