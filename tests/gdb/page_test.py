#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The sessions of docs/gdb.md run as printed: what each `evoke' command prints
is what the page says, but for addresses and other numbers."""

import os
import re
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import gdb_session  # noqa: E402


def sessions(page):
    """[gdb's command line, [[command, what it prints], ...]]"""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ gdb "):
                found.append((line[2:], []))
            elif line.startswith("(gdb) "):
                found[-1][1].append([line[len("(gdb) "):], ""])
            else:
                found[-1][1][-1][1] += line + "\n"
    return found


def without_numbers(text):
    text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
    text = re.sub(r"\d+(\.\d+)?", "N", text)
    return [" ".join(line.split()) for line in text.strip().splitlines()]


def send_and_do_not_read(port):
    """As the page's other terminal; ends when gdb kills the server."""
    with socket.create_connection(("127.0.0.1", port)) as client:
        try:
            client.sendall(bytes(100000000))
        except OSError:
            pass


def run(command_line, commands):
    """What gdb prints for each command. The port is the kernel's choice."""
    words = command_line.replace(
        "bazel-bin/examples/", os.path.abspath("examples") + "/").replace(
            "--port 9988", "--port 0 --verbose").replace(
                "tools/gdb/evoke.py", gdb_session.COMMANDS).split()
    words = [gdb_session.find_gdb(), "-nx", "-batch",
             "-ex", "set debuginfod enabled off"] + words[1:]
    at = words.index("--args") if "--args" in words else len(words)
    script = []
    for command in commands + ["info program"]:
        script += ["-ex", "echo --- %s\\n" % command, "-ex", command]
    words[at:at] = script
    gdb = subprocess.Popen(words, cwd=gdb_session.SCRATCH, text=True,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT)
    killer = threading.Timer(gdb_session.LIMIT_S, gdb.kill)
    killer.start()
    printed, name = {}, None
    for line in gdb.stdout:
        port = re.match(r"port: (\d+)", line)
        if port:
            threading.Thread(target=send_and_do_not_read,
                             args=(int(port[1]),), daemon=True).start()
        if line.startswith("--- "):
            name = line[4:].strip()
            printed[name] = ""
        elif name is not None:
            printed[name] += line
    gdb.wait()
    killer.cancel()
    return printed


class Page(unittest.TestCase):
    maxDiff = None

    def test_sessions_run_as_printed(self):
        with open("docs/gdb.md") as file:
            found = sessions(file.read())
        self.assertEqual(len(found), 3)
        for command_line, commands in found:
            printed = run(command_line, [command for command, _ in commands])
            for command, expected in commands:
                if command.startswith("evoke"):
                    self.assertEqual(
                        without_numbers(printed.get(command, "nothing")),
                        without_numbers(expected), command)


if __name__ == "__main__":
    unittest.main()
