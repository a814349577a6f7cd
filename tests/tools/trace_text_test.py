#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""tools/trace_text prints what a program's trace has, in its order.

    trace_text_test.py TRACE_TEXT TIMER

TIMER is the example, whose loop is known.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

TRACE_TEXT, TIMER = map(os.path.abspath, sys.argv[1:])


def text_of(path, *flags):
    return subprocess.run([TRACE_TEXT, path, *flags], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)


class TraceTextTest(unittest.TestCase):

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.path = os.path.join(scratch.name, "trace.json")

    def write(self, *records):
        with open(self.path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": records}, file)

    def test_callbacks_are_within_turns(self):
        with subprocess.Popen([TIMER], stdout=subprocess.PIPE, text=True,
                              env=dict(os.environ, EVOKE_TRACE=self.path)) as timer:
            for _ in range(3):
                timer.stdout.readline()
            timer.terminate()
            timer.stdout.read()
        lines = text_of(self.path).stdout.splitlines()
        self.assertRegex(lines[0], r"^base 1 \(\w+\)$")
        self.assertIn("turn 0", lines)
        self.assertTrue(any(re.match(r"  wait: at most \d+ us", line)
                            for line in lines), lines)
        self.assertIn("  callback (event): TIMEOUT", lines)

    def test_each_kind_of_record(self):
        def record(phase, name, us, **args):
            return {"ph": phase, "name": name, "cat": name, "tid": 1,
                    "ts": us, "args": args}
        self.write(
            {"ph": "M", "name": "thread_name", "tid": 1,
             "args": {"name": "base 1 (epoll)"}},
            record("i", "add", 100, fd=5, what="READ|PERSIST|FINALIZE"),
            record("B", "turn", 110, number=7),
            record("B", "wait", 120, timeout_us=-1),
            {"ph": "E", "tid": 1, "ts": 130, "args": {"ready": 2}},
            record("B", "callback", 140, fd=5, what="READ", source="event"),
            record("i", "read", 150, fd=5, bytes=6),
            {"ph": "E", "tid": 1, "ts": 160},
            {"ph": "E", "tid": 1, "ts": 170})
        self.assertEqual(
            text_of(self.path).stdout,
            "base 1 (epoll)\n"
            "add: fd 5, READ|PERSIST\n"
            "turn 7\n"
            "  wait: no limit\n"
            "    2 ready\n"
            "  callback (event): fd 5, READ\n"
            "    read: fd 5, 6 bytes\n")
        self.assertIn("\n        50      read: fd 5, 6 bytes\n",
                      text_of(self.path, "--times").stdout)

    def test_what_is_no_trace_is_refused(self):
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("no trace")
        result = text_of(self.path)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("trace_text:", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
