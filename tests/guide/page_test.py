#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A page of the guide runs as printed. Argument: the page.

README.md says which marks there are.
"""

import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import page  # noqa: E402

LIMIT_S = 100
PORT = "9988"

# What `./bazelw build` and `./bazelw run` know: a target, and its program among
# the runfiles.
TARGETS = {
    "//:install": "install",
    "//examples:echo_server": "examples/echo_server",
    "//examples:hello_world": "examples/hello_world",
    "//examples:hello_world_libevent": "examples/hello_world_libevent",
    "//examples:custom_backend": "examples/custom_backend",
    "//examples/product:chat": "examples/product/chat",
}
OPTIONS = ["-c", "opt", "dbg"]

BAZELW = r"""#!/bin/bash
verb=$1; shift
case $verb in build | run) ;; *) echo "unknown: bazelw $verb" >&2; exit 9 ;; esac
program=
while [ $# -gt 0 ]; do
  case $1 in
    --) shift; break ;;
    %(options)s) ;;
    %(cases)s
    *) echo "unknown to the test: bazelw $verb $1" >&2; exit 9 ;;
  esac
  shift
done
[ "$verb" = build ] && exit 0
RUNFILES_DIR=$TEST_SRCDIR exec "$program" "$@"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def make_tree(directory):
    """A working directory with what the pages' commands name."""
    cases = []
    for target, program in TARGETS.items():
        path = os.path.abspath(program)
        cases.append("%s) program=%s ;;" % (target, shlex.quote(path)))
        shown = os.path.join(directory, "bazel-bin", program)
        os.makedirs(os.path.dirname(shown), exist_ok=True)
        os.symlink(path, shown)
    bazelw = os.path.join(directory, "bazelw")
    with open(bazelw, "w") as file:
        file.write(BAZELW % {"options": " | ".join(OPTIONS),
                             "cases": "\n    ".join(cases)})
    os.chmod(bazelw, 0o755)
    os.makedirs(os.path.join(directory, "home"))


class Shell:
    """One bash for all commands of a page."""

    def __init__(self, directory):
        environment = dict(os.environ, LC_ALL="C.UTF-8",
                           TEST_SRCDIR=os.path.abspath(
                               os.environ.get("TEST_SRCDIR", "..")),
                           HOME=os.path.join(directory, "home"))
        for name in ("PKG_CONFIG_PATH", "CPATH", "LD_LIBRARY_PATH",
                     "CMAKE_PREFIX_PATH", "EVOKE_SCOPE", "EVOKE_TRACE",
                     "EVOKE_SLOW_MS"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            ["bash"], cwd=directory, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        self._killer = threading.Timer(LIMIT_S, self.kill)
        self._killer.start()

    def kill(self):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass

    def run(self, commands):
        """(what they print, the last one's status)"""
        self.process.stdin.write(commands + "\necho \"--- end: $?\"\n")
        self.process.stdin.flush()
        output = ""
        while True:
            line = self.process.stdout.readline()
            if not line:
                sys.exit("bash ended in\n%s\nafter\n%s" % (commands, output))
            end = re.search(r"--- end: (\d+)$", line)
            if end:
                return output + line[:end.start()], int(end[1])
            output += line

    def close(self):
        self._killer.cancel()
        self.kill()
        self.process.stdin.close()
        self.process.wait()


def sessions_of(block):
    """[commands, what they print] of a console block."""
    found = []
    for line in block.text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append([line[2:], ""])
        elif line.startswith("> ") and not found[-1][1]:
            found[-1][0] += line[2:]
        else:
            found[-1][1] += line
    return found


def compared(text, block):
    text = "\n".join(line.rstrip() for line in text.strip().splitlines())
    if page.numbers_vary(block):
        text = re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?", "N", text)
        text = re.sub(r" +", " ", text)
    return text


class Page:

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.shell = Shell(directory)
        self.failures = 0
        self.ran = 0

    def fail(self, block, what):
        self.failures += 1
        print("FAILED: line %d: %s" % (block.line, what))

    def check(self, block, commands, expected):
        self.ran += 1
        output, status = self.shell.run(commands.replace(PORT, self.port))
        output = output.replace(self.port, PORT)
        if expected is None:
            if status != 0:
                self.fail(block, "%s\nends with status %d and prints\n%s" %
                          (commands, status, output))
        elif compared(output, block) != compared(expected, block):
            self.fail(block, "%s\nprints\n%s\nand not\n%s" %
                      (commands, output, expected))

    def take(self, block, following):
        name = page.argument(block, "file")
        if name is not None:
            with open(os.path.join(self.directory, name), "w") as file:
                file.write(block.text)
        elif page.is_expected(block) or page.argument(block, "quote"):
            pass
        elif page.argument(block, "not run"):
            pass
        elif not page.is_run(block):
            self.fail(block, "no mark says what this block is")
        elif block.language == "console":
            for commands, expected in sessions_of(block):
                self.check(block, commands, expected)
        elif following is not None and page.is_expected(following):
            self.check(following, block.text, following.text)
        else:
            self.check(block, block.text, None)


def main():
    blocks = page.blocks_of(sys.argv[1])
    directory = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
    make_tree(directory)
    run = Page(directory)
    try:
        for block, following in zip(blocks, blocks[1:] + [None]):
            run.take(block, following)
            if run.failures:
                break
    finally:
        run.shell.close()
    if run.ran == 0:
        sys.exit("nothing on this page was run")
    sys.exit(1 if run.failures else 0)


if __name__ == "__main__":
    main()
