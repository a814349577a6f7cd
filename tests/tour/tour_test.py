#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A program of the tour prints what its expected text says, on each backend.

    tour_test.py PROGRAM EXPECTED [EXIT_STATUS]
"""

import difflib
import subprocess
import sys
import unittest

PATIENCE_SECONDS = 50  # for sanitizers on a busy machine


class TourTest(unittest.TestCase):

    def test_it_prints_what_the_reader_is_told(self):
        with open(EXPECTED) as text:
            expected = text.read().splitlines()
        for method in ["epoll", "poll", "select"]:
            with self.subTest(method=method):
                done = subprocess.run([PROGRAM, "--method", method],
                                      stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE,
                                      timeout=PATIENCE_SECONDS)
                printed = done.stdout.decode().splitlines()
                difference = difflib.unified_diff(
                    expected, printed, "expected", "printed", lineterm="")
                self.assertEqual("\n".join(difference), "")
                self.assertEqual(done.stderr.decode(), "")
                self.assertEqual(done.returncode, EXIT_STATUS)


if __name__ == "__main__":
    PROGRAM, EXPECTED = sys.argv[1:3]
    EXIT_STATUS = int(sys.argv[3]) if len(sys.argv) > 3 else 0
    unittest.main(argv=sys.argv[:1])
