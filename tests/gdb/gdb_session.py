# SPDX-License-Identifier: BSD-3-Clause
"""Runs gdb in batch mode with evoke's commands loaded."""

import os
import shutil
import subprocess
import sys
import tempfile

LIMIT_S = 120
SCRATCH = os.environ.get("TEST_TMPDIR") or tempfile.mkdtemp(prefix="gdb")
COMMANDS = os.path.abspath("tools/gdb/evoke.py")


def find_gdb():
    gdb = shutil.which("gdb", path="/usr/bin:/usr/local/bin")
    if gdb is None:
        sys.exit("no gdb on this machine; Debian's package is `gdb'")
    return gdb


def run(commands, program=None, core=None, arguments=()):
    """{command: what it printed}, for a list of different commands."""
    line = [find_gdb(), "-q", "-nx", "-batch",
            "-ex", "set debuginfod enabled off", "-ex", "set width 0",
            "-ex", "set confirm off", "-x", COMMANDS]
    for command in commands:
        line += ["-ex", "echo \\n--- %s\\n" % command, "-ex", command]
    line += ["-ex", "echo \\n--- \\n"]
    if program:
        line += ["--args", program, *arguments] if not core else [program, core]
    # The files that the program keeps open go when gdb kills it.
    result = subprocess.run(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S,
        env=dict(os.environ, LC_ALL="C.UTF-8", HOME=SCRATCH))
    printed, name = {}, None
    for text in result.stdout.splitlines():
        if text.startswith("--- "):
            name = text[4:]
            printed[name] = []
        elif name is not None:
            printed[name].append(text)
    missing = [command for command in commands if command not in printed]
    if missing:
        raise AssertionError("gdb ended before %s:\n%s" % (missing,
                                                          result.stdout))
    return {command: "\n".join(printed[command]).strip("\n")
            for command in commands}
