# SPDX-License-Identifier: BSD-3-Clause
"""The program of program.c with EVOKE_SCOPE in its environment, and its page."""

import json
import os
import re
import subprocess
import time
import urllib.request

PATIENCE_S = 60


def until(condition, what="the condition"):
    """What `condition` returns, as soon as that is true."""
    end = time.monotonic() + PATIENCE_S
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < end, f"waited too long for {what}"
        time.sleep(0.02)


def with_names(found, names):
    """Puts "name" beside every "function"."""
    if isinstance(found, list):
        return [with_names(one, names) for one in found]
    if not isinstance(found, dict):
        return found
    found = {key: with_names(value, names) for key, value in found.items()}
    if "function" in found:
        found["name"] = names[found["function"]]
    return found


class Program:
    """Runs as long as the `with`; its URL, its page's state, and its own word."""

    def __init__(self, *command, **environment):
        environment = {"EVOKE_SCOPE": "127.0.0.1:0", **environment}
        self.process = subprocess.Popen(
            command, env=dict(os.environ, **environment), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.url = None

    def __enter__(self):
        line = self.process.stderr.readline()
        found = re.fullmatch(r"\[msg\] loopscope: (http://\S+)\n", line)
        assert found, line
        self.url = found.group(1)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()
        self.rest = self.process.communicate(timeout=PATIENCE_S)
        assert self.process.returncode == 0, self.process.returncode

    def end(self):
        self.tell("quit")

    def tell(self, line):
        """Has the program do something; returns its answer."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def report(self):
        return json.loads(self.tell("report"))

    def get(self, path="/state", **query):
        page, token = self.url.split("/?token=")
        query = "".join(f"&{name}={value}" for name, value in query.items())
        with urllib.request.urlopen(f"{page}{path}?token={token}{query}",
                                    timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def bases(self):
        """The numbers of those that are shown."""
        return [base["number"] for base in json.loads(self.get())["bases"]]

    def state(self, **query):
        """The state, of the first base or of `base`; with names of functions."""
        answer = json.loads(self.get(**query))
        return with_names(answer["state"], answer["names"])

    def fd(self, number):
        found = [entry for entry in self.state()["fds"] if entry["fd"] == number]
        return found[0] if found else None


class Example(Program):
    """One of the examples, which say their port and end by a signal."""

    def __enter__(self):
        super().__enter__()
        line = self.process.stderr.readline()
        self.port = int(re.fullmatch(r"port: (\d+)\n", line).group(1))
        return self

    def end(self):
        self.process.terminate()
