#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Small programs in the styles of libevent 1.4, 2.0 and 2.1.

Each is compiled with Debian's headers and with evoke's, linked to the library
that goes with them, and each of the two programs runs on both libraries: the
four outputs must be the same.
"""

import os
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
PREFIX = os.path.dirname(harness.EVOKE.directory)

# What is typed, and the line to wait for before typing more.
CONVERSATIONS = {
    "style_1_4": [
        (None, "method is epoll, fd 0"),
        ("hello", "HELLO"),
        ("pulse", "not pending"),
        ("signal", "signal 10 is 10 what 8"),
        ("late", "pending 0"),
        ("once", "once what 1: once"),
        ("priority", "low what 2"),
        ("world and more", "WORLD AND MORE"),
        ("timeout", "client: timeout"),
        ("quit", "worker: end"),
    ],
    "style_2_0": [
        (None, "2.1.12-stable with epoll (with changelist), features 11"),
        ("go", "referred bytes freed: 648"),
    ],
    "style_2_1": [
        (None, "epoll, priorities 3"),
        ("go", "1 5"),
    ],
}


def build(style, library, linked):
    """A program with the library's headers; returns its path."""
    program = os.path.join(harness.SCRATCH,
                           "%s_%s_%s" % (style, library, linked))
    flags = []
    if library is harness.EVOKE:
        flags = ["-I" + os.path.join(PREFIX, "include"),
                 "-L" + harness.EVOKE.directory]
    command = ["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror"] + flags
    source = os.path.join(HERE, style + ".c")
    headers = subprocess.run(command + ["-M", source], check=True,
                             stdout=subprocess.PIPE).stdout.decode().split()
    of_events = [os.path.realpath(path) for path in headers
                 if "/event2/" in path or path.endswith(("/event.h",
                                                         "/evutil.h"))]
    ours = [path.startswith(os.path.realpath(PREFIX)) for path in of_events]
    if not of_events or set(ours) != {library is harness.EVOKE}:
        raise AssertionError("wrong headers: %s" % of_events)
    subprocess.run(command + [source, "-o", program] + [
        "-l" + name for name in (linked, "event_pthreads")] + ["-lpthread"],
        check=True)
    return program


def converse(program, library, lines):
    """Its whole output."""
    process = subprocess.Popen([program], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT,
                               env=library.environment())
    limit = threading.Timer(harness.LIMIT_S, process.kill)
    limit.start()
    output = ""
    try:
        for typed, awaited in lines:
            if typed is None:
                # It has started, and waits for what comes.
                output += read_to(process, awaited)
                library.check_process(process.pid)
            else:
                process.stdin.write(typed.encode() + b"\n")
                process.stdin.flush()
                output += read_to(process, awaited)
        output += process.stdout.read().decode()
        if process.wait() != 0:
            raise AssertionError("%s on %s: status %s\n%s" % (
                program, library, process.returncode, output))
    finally:
        limit.cancel()
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    return output


def read_to(process, awaited):
    text = ""
    for line in process.stdout:
        text += line.decode()
        if line.decode().rstrip("\n") == awaited:
            return text
    raise AssertionError("%r did not come; the output was\n%s"
                         % (awaited, text))


class StylesTest(harness.ProgramTest):

    def check(self, style):
        expected = None
        for linked in ("event", "event_core"):
            for headers in harness.LIBRARIES:
                program = build(style, headers, linked)
                for library in harness.LIBRARIES:
                    with self.subTest(headers=headers.name, linked=linked,
                                      library=library.name):
                        output = converse(program, library,
                                          CONVERSATIONS[style])
                        expected = expected or output
                        self.assertMultiLineEqual(expected, output)

    def test_1_4(self):
        self.check("style_1_4")

    def test_2_0(self):
        self.check("style_2_0")

    def test_2_1(self):
        self.check("style_2_1")


if __name__ == "__main__":
    unittest.main()
