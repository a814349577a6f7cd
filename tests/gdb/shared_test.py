#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gdb's view of a program on the shared libraries as they are installed:
optimised, with -g."""

import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import gdb_session  # noqa: E402
from known_events import KnownEvents  # noqa: E402

LIBRARIES = ("libevent_core-2.1.so.7", "libevent_pthreads-2.1.so.7")


def build():
    """The program, compiled as a user would."""
    directory = os.path.join(gdb_session.SCRATCH, "shared")
    os.makedirs(directory)
    files = []
    for name in LIBRARIES:
        files.append(os.path.join(directory, name + ".0.1"))
        shutil.copy("lib/%s.0.1" % name, files[-1])
        os.symlink(name + ".0.1", os.path.join(directory, name))
    program = os.path.join(directory, "waits")
    subprocess.run(["cc", "-g", "-Iinclude", "-o", program,
                    os.path.realpath("tests/gdb/waits.c"), *files,
                    "-Wl,-rpath," + directory], check=True)
    return program


class Shared(KnownEvents):
    program = build()

    def test_without_debug_information_that_is_told(self):
        # The program's own does not help.
        for name in LIBRARIES:
            path = os.path.join(os.path.dirname(self.program), name + ".0.1")
            bare = path + ".bare"
            subprocess.run(["strip", "-g", "-o", bare, path], check=True)
            os.rename(path, path + ".whole")
            os.rename(bare, path)
        try:
            printed = gdb_session.run(
                ["break stop_here", "run", "evoke events"], self.program)
            self.assertIn("no debug information of evoke's is loaded",
                          printed["evoke events"])
        finally:
            for name in LIBRARIES:
                path = os.path.join(os.path.dirname(self.program),
                                    name + ".0.1")
                os.rename(path + ".whole", path)


class SharedWithLocks(Shared):
    arguments = ("locks",)


del KnownEvents  # not to be run by itself

if __name__ == "__main__":
    unittest.main()
