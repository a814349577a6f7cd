#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""iocp_echo, a program for Windows, run by wine and spoken to over the loopback.

Wine's directory (a "prefix") is made anew for each run, below the test's own
temporary directory, and its server ends with the test.
"""

import contextlib
import os
import random
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

LIMIT_S = 60  # for whatever should happen; reaching it is a failure
PROGRAM = os.path.abspath("examples/models/iocp_echo.exe")
# The wrapper runs it from where Debian has it; the server is beside it.
WINE = "/usr/lib/wine/wine64"
WINESERVER = "/usr/lib/wine/wineserver64"

SCRATCH = os.environ.get("TEST_TMPDIR") or tempfile.mkdtemp(prefix="iocp")
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": SCRATCH,
    "WINEPREFIX": os.path.join(SCRATCH, "prefix"),
    "WINEDEBUG": "-all",
    # No offer to install .NET or a browser.
    "WINEDLLOVERRIDES": "mscoree,mshtml=",
}


class Server:
    """A running iocp_echo. Its output goes to files, so that no pipe fills."""

    def __init__(self, *flags, port=0):
        self.paths = [tempfile.mkstemp(dir=SCRATCH)[1] for _ in range(2)]
        with open(self.paths[0], "wb") as out, open(self.paths[1], "wb") as err:
            self.process = subprocess.Popen(
                [WINE, PROGRAM, "--port", str(port)] + list(flags),
                env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=out,
                stderr=err)
        told = wait_until(lambda: re.search(rb"port: (\d+)\n", self.err()) or
                          self.process.poll() is not None,
                          "the server to listen")
        if told is True:
            raise AssertionError("it ended: %r" % self.err())
        self.port = int(told.group(1))

    def out(self):
        with open(self.paths[0], "rb") as out:
            return out.read()

    def err(self):
        with open(self.paths[1], "rb") as err:
            return err.read()

    def end(self):
        """Ends it by Ctrl-C, which is how wine delivers SIGINT; its status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def wait_until(condition, what):
    deadline = time.monotonic() + LIMIT_S
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s for %s" % (LIMIT_S, what))
        time.sleep(0.01)


def connect(port, receive_bytes=0):
    client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    client.settimeout(LIMIT_S)
    client.connect(("127.0.0.1", port))
    return client


def receive(client, count):
    """`count` bytes, or those that came before the end."""
    parts = []
    while count > 0:
        part = client.recv(min(count, 65536))
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def exchange(client, data):
    """Sends and receives at the same time; as many bytes as were sent."""
    client.setblocking(False)
    sent, got = 0, bytearray()
    while len(got) < len(data):
        readable, writable, _ = select.select(
            [client], [client] if sent < len(data) else [], [], LIMIT_S)
        if not readable and not writable:
            raise AssertionError("nothing for %d s" % LIMIT_S)
        if writable:
            with contextlib.suppress(BlockingIOError):
                sent += client.send(data[sent:sent + 65536])
        if readable:
            part = client.recv(65536)
            if not part:
                break
            got += part
    client.settimeout(LIMIT_S)
    return bytes(got)


class IocpTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        for path, package in ((WINE, "wine64"), (PROGRAM, "no package: bazel")):
            if not os.path.exists(path):
                raise cls.failureException("no %s: %s" % (path, package))
        # The prefix is made by whatever runs first; this takes seconds.
        subprocess.run([WINE, "wineboot"], env=ENVIRONMENT, check=True,
                       stdin=subprocess.DEVNULL, timeout=240)

    @classmethod
    def tearDownClass(cls):
        # The server of our prefix alone.
        subprocess.run([WINESERVER, "-k"], env=ENVIRONMENT, check=False)
        subprocess.run([WINESERVER, "-w"], env=ENVIRONMENT, check=False,
                       timeout=LIMIT_S)
        shutil.rmtree(ENVIRONMENT["WINEPREFIX"], ignore_errors=True)

    def test_echoes_and_counts(self):
        with Server("--stats") as server:
            for _ in range(3):
                with connect(server.port) as client:
                    self.assertEqual(exchange(client, b"hello"), b"hello")
                    self.assertEqual(exchange(client, b"you"), b"you")
            self.assertEqual(server.end(), 0)
            self.assertIn(b"stats: connections=3 messages=6 bytes=24\n",
                          server.err())

    def test_echoes_four_mebibytes(self):
        data = random.Random(1).randbytes(4 << 20)
        with Server() as server, connect(server.port) as client:
            self.assertTrue(exchange(client, data) == data)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(client.recv(1), b"")
            self.assertEqual(server.end(), 0)

    def test_serves_many_clients_at_once(self):
        with Server("--stats") as server, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(connect(server.port))
                       for _ in range(100)]
            for i, client in enumerate(clients):
                client.sendall(b"%03d" % i)
            for i, client in reversed(list(enumerate(clients))):
                self.assertEqual(receive(client, 3), b"%03d" % i)
            self.assertEqual(server.end(), 0)
            self.assertIn(b"stats: connections=100 messages=100 bytes=300\n",
                          server.err())

    def test_who_does_not_read_loses_nothing_and_holds_up_nobody(self):
        block = random.Random(2).randbytes(65521)
        with Server() as server, connect(server.port, 16384) as slow:
            taken = 0
            slow.setblocking(False)
            while taken < 64 << 20:
                if not select.select([], [slow], [], 0.3)[1]:
                    break
                at = taken % len(block)
                taken += slow.send(block[at:])
            self.assertLess(taken, 64 << 20, "the server takes without end")
            with connect(server.port) as quick:
                self.assertEqual(exchange(quick, b"not held up"),
                                 b"not held up")
            slow.settimeout(LIMIT_S)
            got = receive(slow, taken)
            expected = (block * (taken // len(block) + 1))[:taken]
            self.assertTrue(got == expected,
                            "%d of %d bytes" % (len(got), taken))
            self.assertEqual(server.end(), 0)

    def test_prints_byte_for_byte_and_answers_nothing(self):
        with Server("--print") as server, connect(server.port) as client:
            expected = b""
            for message in (b"hello", b"a line\n", b"x" * 1000):
                client.sendall(message)
                expected += message + b"\n"
                wait_until(lambda: len(server.out()) >= len(expected),
                           "%r to be printed" % message[:10])
            self.assertEqual(server.end(), 0)
            self.assertEqual(server.out(), expected)
            self.assertEqual(receive(client, 1), b"")

    def test_clients_that_crash_are_survived(self):
        with Server() as server:
            for i in range(30):
                client = connect(server.port, 16384)
                self.assertEqual(exchange(client, b"hello"), b"hello")
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    for _ in range(i):
                        client.send(bytes(65536))
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  b"\1\0\0\0\0\0\0\0")
                client.close()  # with a RST
            with connect(server.port) as client:
                self.assertEqual(exchange(client, b"still here"),
                                 b"still here")
            self.assertEqual(server.end(), 0)

    def test_the_port_is_free_at_once(self):
        with Server() as server, connect(server.port) as client:
            port = server.port
            self.assertEqual(exchange(client, b"one"), b"one")
            self.assertEqual(server.end(), 0)
            with Server(port=port) as again, connect(again.port) as other:
                self.assertEqual(again.port, port)
                self.assertEqual(exchange(other, b"two"), b"two")
                self.assertEqual(again.end(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
