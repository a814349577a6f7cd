# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the chat server share.

A Server runs the program that the test was given, on a port that the kernel
picks, and knows the processes that came of its restarts. A Client speaks to it
in lines (chat_client.py). Everything is waited for, with a deadline; nothing
sleeps for luck.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from chat_client import LIMIT_S, client_for

# Speaks as the server does, whose flags are this test's arguments.
Client = client_for(sys.argv)

SCRATCH = os.environ.get("TEST_TMPDIR") or tempfile.mkdtemp(prefix="chat")

_PR_SET_CHILD_SUBREAPER = 36

# A restarted server is the child of one that ends: let it be ours then, so that
# we learn how it ended.
ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def wait_until(condition, what):
    """Waits until condition() is true, and returns what it returned."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s for %s" % (LIMIT_S, what))
        time.sleep(0.005)


class Server:
    """A chat server, and whatever it is replaced by."""

    program = None  # set by main()
    flags = []      # for every server of this test, set by main()

    def __init__(self, *flags, program=None, env=None):
        directory = tempfile.mkdtemp(dir=SCRATCH)
        self.pid_file = os.path.join(directory, "pid")
        self._log_path = os.path.join(directory, "log")
        command = [program or Server.program, "--port", "0", "--verbose",
                   "--pid-file", self.pid_file, *Server.flags, *flags]
        with open(self._log_path, "w") as log:
            self.process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        self.pids = [self.process.pid]
        self._statuses = {}
        self.port = int(self.wait_for_log(r"listening on \S+ port (\d+)")[1])
        # It is written after that.
        wait_until(lambda: os.path.exists(self.pid_file), "the pid file")

    def log(self):
        with open(self._log_path, errors="replace") as log:
            return log.read()

    def wait_for_log(self, pattern):
        def found():
            match = re.search(pattern, self.log())
            if not match and self.process.poll() is not None:
                raise AssertionError("the server ended:\n" + self.log())
            return match
        return wait_until(found, "%r in the log" % pattern)

    @property
    def pid(self):
        """Of the process that serves now."""
        with open(self.pid_file) as file:
            return int(file.read())

    def fds(self):
        """What is open in the process that serves now."""
        directory = "/proc/%d/fd" % self.pid
        found = []
        for fd in os.listdir(directory):
            try:
                found.append(os.readlink(os.path.join(directory, fd)))
            except FileNotFoundError:
                pass  # closed meanwhile
        return sorted(found)

    def signal(self, number):
        os.kill(self.pid, number)

    def restart(self):
        """Lets another process take over, and waits until it serves."""
        old = self.pid
        self.signal(signal.SIGUSR2)
        new = wait_until(lambda: self.pid != old and self.pid,
                         "a new process\n" + self.log())
        self.pids.append(new)
        return old, new

    def wait(self, pid=None):
        """Waits for the end of a process; its status as subprocess has it."""
        if pid is None or pid == self.process.pid:
            return self.process.wait(LIMIT_S)

        def ended():
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
                self._statuses[pid] = os.waitstatus_to_exitcode(status)
                return found
            except ChildProcessError:
                # It is its parent's, which may tell.
                told = re.search(r"process %d ended with (status|signal) (\d+)"
                                 % pid, self.log())
                self._statuses[pid] = told and int(told[2])
                return told
        if pid not in self._statuses:
            wait_until(ended, "the end of process %d" % pid)
        return self._statuses[pid]

    def stop(self):
        """Ends it by SIGTERM; all its processes must have ended well."""
        self.signal(signal.SIGTERM)
        statuses = [self.wait(pid) for pid in self.pids]
        log = self.log()
        complaints = [line for line in log.splitlines()
                      if "event library:" in line or "Sanitizer" in line]
        if complaints or any(statuses):
            raise AssertionError("statuses %s, log:\n%s" % (statuses, log))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
            return
        sys.stderr.write(self.log()[-20000:])
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def main():
    """Runs the tests of the calling file; arguments: program, flags."""
    Server.program = os.path.abspath(sys.argv[1])
    Server.flags = sys.argv[2:]
    unittest.main(argv=sys.argv[:1])
