# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of unmodified programs share.

A program from Debian's packages is started on one of two libraries: Debian's
libevent, as the loader finds it, or evoke's, by LD_LIBRARY_PATH. Which of them
a process runs on is read from its memory map, not believed. The test does the
same work on both and compares what came out.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

# How long anything that should happen may take, unless a call says otherwise;
# reaching it is a failure.
LIMIT_S = 60

_LIBEVENT = re.compile(r"/libevent[a-z_]*-2\.1\.so\.7[0-9.]*$")

SCRATCH = os.environ.get("TEST_TMPDIR") or tempfile.mkdtemp(prefix="programs")


def _install_evoke():
    """The directory of evoke's shared libraries, installed for this test."""
    ready = os.environ.get("EVOKE_LIB")  # for runs by hand, without Bazel
    if ready:
        return os.path.realpath(ready)
    prefix = os.path.join(SCRATCH, "evoke")
    environment = dict(os.environ, RUNFILES_DIR=os.environ["TEST_SRCDIR"])
    subprocess.run(["./install", "--prefix", prefix], check=True,
                   env=environment, stdout=subprocess.DEVNULL)
    return os.path.realpath(os.path.join(prefix, "lib"))


class Library:
    """One of the two libraries: its name, and how to run programs on it."""

    def __init__(self, name, directory):
        self.name = name
        self.directory = directory  # None: where the loader finds Debian's
        self.scratch = os.path.join(SCRATCH, name)
        os.makedirs(self.scratch, exist_ok=True)

    def __repr__(self):
        return self.name

    def environment(self, **more):
        """An environment with nothing of the caller's in it but PATH."""
        result = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LC_ALL": "C.UTF-8",
            "HOME": self.scratch,
            "TMPDIR": self.scratch,
            # A missing function is told at the start, not in the middle.
            "LD_BIND_NOW": "1",
        }
        if self.directory:
            result["LD_LIBRARY_PATH"] = self.directory
        result.update(more)
        return result

    def mapped(self, pid):
        """The libevent files in the memory map of process `pid`."""
        files = set()
        with open("/proc/%d/maps" % pid) as maps:
            for line in maps:
                fields = line.split(None, 5)
                if len(fields) == 6 and _LIBEVENT.search(fields[5].rstrip()):
                    files.add(os.path.realpath(fields[5].rstrip()))
        return sorted(files)

    def owns(self, path):
        ours = os.path.dirname(path) == EVOKE.directory
        return ours == (self is EVOKE)

    def check_process(self, pid):
        """Fails unless the process has a libevent, and only this one."""
        files = self.mapped(pid)
        if not files or not all(self.owns(path) for path in files):
            raise AssertionError("process %d should run on %s, but maps %s"
                                 % (pid, self, files or "no libevent"))


EVOKE = Library("evoke", _install_evoke())
DEBIAN = Library("debian", None)
LIBRARIES = (DEBIAN, EVOKE)


def require(*programs):
    """Paths of the programs; a missing one is a failure that says so."""
    paths = []
    for program in programs:
        path = shutil.which(program, path="/usr/bin:/bin:/usr/sbin:/sbin")
        if path is None:
            raise unittest.TestCase.failureException(
                "no %s on this machine; tests/programs/README.md names the "
                "Debian packages" % program)
        paths.append(path)
    return paths[0] if len(paths) == 1 else paths


def wait_until(condition, what, limit_s=LIMIT_S):
    """Waits until condition() is true, and returns what it returned."""
    deadline = time.monotonic() + limit_s
    pause_s = 0.002
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s for %s" % (limit_s, what))
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)


def free_port(kinds=(socket.SOCK_STREAM,), address="127.0.0.1"):
    """A port that is free now for all socket kinds.

    A program that cannot tell which port it got needs a number; whoever uses
    this tries again should another have taken it in between.
    """
    while True:
        with contextlib.ExitStack() as stack:
            port = 0
            try:
                for kind in kinds:
                    sock = stack.enter_context(
                        socket.socket(socket.AF_INET, kind))
                    sock.bind((address, port))
                    port = sock.getsockname()[1]
                return port
            except OSError:
                continue


class Daemon:
    """A program in the foreground, its output in a file, ended with the test."""

    def __init__(self, library, arguments, name=None, **options):
        self.library = library
        self.name = name or os.path.basename(arguments[0])
        handle, self.log_path = tempfile.mkstemp(
            prefix=self.name + ".", suffix=".log", dir=library.scratch)
        environment = options.pop("env", None) or library.environment()
        with os.fdopen(handle, "w") as log:
            self.process = subprocess.Popen(
                arguments, env=environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, **options)
        self.pid = self.process.pid

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def running(self):
        return self.process.poll() is None

    def wait_ready(self, ready, limit_s=LIMIT_S):
        """Waits until ready() holds; false when the program ended first."""
        wait_until(lambda: not self.running() or ready(),
                   "%s on %s to be ready\n%s" % (self.name, self.library,
                                                 self.log()), limit_s)
        return self.running()

    def cpu_s(self):
        """User and system time until now, of all its threads, in seconds."""
        with open("/proc/%d/stat" % self.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_kb(self):
        """The largest resident size until now (VmHWM), in KiB."""
        with open("/proc/%d/status" % self.pid) as status:
            return int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))

    def stop(self, how=signal.SIGTERM, limit_s=LIMIT_S):
        """Ends it in its own way; returns its exit status. What a library
        has warned of is a failure."""
        if self.running():
            self.process.send_signal(how)
        try:
            status = self.process.wait(limit_s)
            warnings = [line for line in self.log().splitlines()
                        if line.startswith(("[warn]", "[err]"))]
            if warnings:
                raise AssertionError("%s on %s: %s" % (
                    self.name, self.library, warnings[:10]))
            return status
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("%s on %s did not end\n%s" % (
                self.name, self.library, self.log()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.running():
            self.process.kill()
        self.process.wait()


def on_both(work):
    """{library name: work(library)}, both at the same time."""
    results, errors = {}, []

    def run(library):
        try:
            results[library.name] = work(library)
        except BaseException as error:  # told by the caller's thread
            errors.append((library, error))

    threads = [threading.Thread(target=run, args=(library,))
               for library in LIBRARIES]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise AssertionError("failed on %s" % [
            library.name for library, _ in errors]) from errors[0][1]
    return results


class ProgramTest(unittest.TestCase):
    maxDiff = 4000

    def assert_same(self, results, what):
        """What came out on Debian's library came out on evoke's."""
        self.assertEqual(results["debian"], results["evoke"], what)
