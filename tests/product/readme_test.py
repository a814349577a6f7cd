#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The session in the README of the chat server runs as printed.

All its commands go into one bash, and what comes out must be what the page
says. Only the port is another: the kernel picks it, and the log tells it.
Arguments: the program, the README.
"""

import os
import re
import subprocess
import sys
import tempfile
import threading

LIMIT_S = 120
PROGRAM = "bazel-bin/examples/product/chat"
PORT = "9988"


def commands_of(page):
    """[command, what it prints] of all console blocks."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.M | re.S):
        for line in block.splitlines(keepends=True):
            if line.startswith("$ "):
                found.append([line[2:], ""])
            else:
                found[-1][1] += line
    return found


def sources_of(page, folder):
    """Names of files that the page must speak of, and does not."""
    return [name for name in sorted(os.listdir(folder))
            if name.endswith((".c", ".h")) and
            "`%s`" % name not in page and
            "`%s`" % name.rsplit(".", 1)[0] not in page]


class Shell:

    def __init__(self, directory):
        environment = dict(os.environ, LC_ALL="C.UTF-8")
        self.process = subprocess.Popen(
            ["bash"], cwd=directory, env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True)
        self._killer = threading.Timer(LIMIT_S, self.kill)
        self._killer.start()

    def kill(self):
        os.killpg(self.process.pid, 9)

    def run(self, command):
        mark = "--- end of the command ---\n"
        self.process.stdin.write(command + "echo '%s'\n" % mark.rstrip())
        self.process.stdin.flush()
        output = ""
        while not output.endswith(mark):
            line = self.process.stdout.readline()
            if not line:
                sys.exit("bash ended in %r, after %r" % (command, output))
            output += line
        return output[:-len(mark)]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self._killer.cancel()


def main():
    program, readme = map(os.path.abspath, sys.argv[1:])
    with open(readme) as file:
        page = file.read()
    directory = tempfile.mkdtemp(dir=os.environ.get("TEST_TMPDIR"))
    os.makedirs(os.path.join(directory, os.path.dirname(PROGRAM)))
    os.symlink(program, os.path.join(directory, PROGRAM))
    commands = commands_of(page)
    failed = len(commands) < 10
    shell = Shell(directory)
    port = None
    try:
        for command, expected in commands:
            if "--port " + PORT in command:
                command = command.replace("--port " + PORT, "--port 0")
                port = None
            elif PORT in command:
                if port is None:
                    with open(os.path.join(directory, "chat.log")) as log:
                        port = re.search(r"port (\d+)", log.read())[1]
                command = command.replace(PORT, port)
            printed = shell.run(command)
            if printed != expected:
                print("$ %sprints\n%sand not\n%s" % (command, printed,
                                                     expected))
                failed = True
                break
        else:
            shell.close()
    finally:
        if shell.process.poll() is None:
            shell.kill()
            shell.close()
    missing = sources_of(page, os.path.dirname(readme))
    if missing:
        print("not in the map: %s" % missing)
    sys.exit(1 if failed or missing else 0)


if __name__ == "__main__":
    main()
