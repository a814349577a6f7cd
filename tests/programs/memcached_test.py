#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""memcached with four threads, driven by libmemcached and by raw sockets.

100,000 values of 0 bytes to 1 MiB go in and come back over 200 connections;
then requests in long pipelines, answers that fill the sockets, UDP, expiry and
idle kicks. The answers are known beforehand, and memcached's own counters must
come out the same on both libraries.
"""

import os
import select
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from memcached_server import Memcached  # noqa: E402

VALUES = 100000
CONNECTIONS = 200


def receive_exactly(sock, length):
    pieces = []
    while length > 0:
        piece = sock.recv(min(length, 1 << 20))
        if not piece:
            raise AssertionError("the connection ended early")
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def exchange(sock, request, answer_length):
    """Sends and receives at once, so that neither side has to wait."""
    sock.setblocking(False)
    sent, pieces, received = 0, [], 0
    view = memoryview(request)
    while received < answer_length:
        writable = [sock] if sent < len(request) else []
        readable, writable, _ = select.select([sock], writable, [],
                                              harness.LIMIT_S)
        if not readable and not writable:
            raise AssertionError("no answer: %d of %d bytes"
                                 % (received, answer_length))
        if writable:
            sent += sock.send(view[sent:sent + (1 << 18)])
        if readable:
            piece = sock.recv(1 << 18)
            if not piece:
                raise AssertionError("the connection ended early")
            pieces.append(piece)
            received += len(piece)
    sock.settimeout(harness.LIMIT_S)
    return b"".join(pieces)


def pipeline(number):
    """One long request of many kinds, and the answer it must get."""
    request, answer = [], []
    for i in range(1000):
        key = b"pipe%d-%d" % (number, i)
        value = b"v" * (i % 300)
        request.append(b"set %s %d 0 %d noreply\r\n%s\r\n"
                       % (key, i, len(value), value))
        request.append(b"get %s\r\n" % key)
        answer.append(b"VALUE %s %d %d\r\n%s\r\nEND\r\n"
                      % (key, i, len(value), value))
        request.append(b"append %s 0 0 3\r\nxyz\r\n" % key)
        answer.append(b"STORED\r\n")
        request.append(b"add %s 0 0 1\r\nn\r\n" % key)
        answer.append(b"NOT_STORED\r\n")
        if i % 2:
            request.append(b"delete %s\r\n" % key)
            answer.append(b"DELETED\r\n")
        request.append(b"get nothing %s\r\n" % key)
        if i % 2 == 0:
            answer.append(b"VALUE %s %d %d\r\n%sxyz\r\n"
                          % (key, i, len(value) + 3, value))
        answer.append(b"END\r\n")
    counter = b"count%d" % number
    request.append(b"set %s 0 0 1\r\n0\r\n" % counter)
    answer.append(b"STORED\r\n")
    for i in range(1000):
        request.append(b"incr %s 3\r\n" % counter)
        answer.append(b"%d\r\n" % (3 * (i + 1)))
    return b"".join(request), b"".join(answer)


class MemcachedTest(harness.ProgramTest):

    def test_values_pipelines_and_full_sockets(self):
        driver = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                              "memcached_driver.py")

        def work(library):
            counters = []
            with Memcached(library, "-m", "1024", "-I", "2m") as server:
                # The client library is no user of libevent.
                subprocess.run([driver, str(server.port), str(VALUES),
                                str(CONNECTIONS)], check=True, timeout=500)
                counters.append(server.control.compared())
                self.check_pipelines(server)
                counters.append(server.control.compared())
                self.check_full_sockets(server)
                counters.append(server.control.compared())
                self.assertEqual(server.stop(), 0)
            return counters

        results = harness.on_both(work)
        values, pipelines, full = results["evoke"]
        self.assertEqual(int(values["cmd_set"]), VALUES)
        self.assertEqual(int(values["get_hits"]), VALUES)
        self.assertEqual(int(values["curr_items"]), VALUES)
        self.assertEqual(int(values["evictions"]), 0)
        self.assertEqual(int(values["total_connections"]), CONNECTIONS + 2)
        self.assertEqual(int(pipelines["incr_hits"]), 16 * 1000)
        self.assertEqual(int(full["get_hits"]) - int(pipelines["get_hits"]),
                         60 * 3)
        self.assert_same(results, "memcached's counters")

    def check_pipelines(self, server):
        socks = [server.connect() for _ in range(16)]
        for number, sock in enumerate(socks):
            request, answer = pipeline(number)
            self.assertEqual(exchange(sock, request, len(answer)), answer)
        for sock in socks:
            sock.close()

    def check_full_sockets(self, server):
        """Answers of 3 MB each, asked for long before they are read."""
        value = bytes(range(256)) * 4096
        with server.connect() as sock:
            sock.sendall(b"set big 7 0 %d\r\n" % len(value) + value + b"\r\n")
            self.assertEqual(sock.recv(100), b"STORED\r\n")
        answer = b"VALUE big 7 %d\r\n" % len(value) + value + b"\r\nEND\r\n"
        socks = [server.connect() for _ in range(60)]
        for sock in socks:
            sock.sendall(b"get big\r\n" * 3)
        for sock in socks:
            self.assertTrue(
                receive_exactly(sock, 3 * len(answer)) == 3 * answer)
            sock.close()

    def test_udp(self):
        def work(library):
            with Memcached(library, "-U", "-1") as server:
                self.assertNotEqual(server.udp_port, 0)
                self.check_udp(server)
                counters = server.control.compared()
                self.assertEqual(server.stop(), 0)
            return counters

        results = harness.on_both(work)
        self.assertEqual(int(results["evoke"]["cmd_set"]), 2001)
        self.assertEqual(int(results["evoke"]["get_hits"]), 2001)
        self.assert_same(results, "memcached's counters")

    def check_udp(self, server):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.settimeout(harness.LIMIT_S)
            sock.connect(("127.0.0.1", server.udp_port))
            # Eight at a time: few enough that no datagram is dropped.
            for first in range(0, 2000, 8):
                numbers = range(first, first + 8)
                self.udp_round(sock, {
                    n: b"set u%d 0 0 4\r\n%04d\r\n" % (n, n) for n in numbers
                }, {n: b"STORED\r\n" for n in numbers})
                self.udp_round(sock, {
                    n: b"get u%d\r\n" % n for n in numbers
                }, {n: b"VALUE u%d 0 4\r\n%04d\r\nEND\r\n" % (n, n)
                    for n in numbers})
            # An answer of many datagrams.
            value = bytes(range(256)) * 200
            with server.connect() as tcp:
                tcp.sendall(b"set large 0 0 %d\r\n" % len(value) + value +
                            b"\r\n")
                self.assertEqual(tcp.recv(100), b"STORED\r\n")
            self.udp_round(sock, {77: b"get large\r\n"}, {
                77: b"VALUE large 0 %d\r\n" % len(value) + value +
                    b"\r\nEND\r\n"})

    def udp_round(self, sock, requests, answers):
        """A frame has a head: request, number of datagram, of how many, 0."""
        for number, request in requests.items():
            sock.send(struct.pack("!HHHH", number, 0, 1, 0) + request)
        parts = {number: {} for number in requests}
        missing = len(requests)
        while missing:
            frame = sock.recv(65536)
            number, sequence, total, _ = struct.unpack("!HHHH", frame[:8])
            self.assertNotIn(sequence, parts[number])
            parts[number][sequence] = frame[8:]
            missing -= len(parts[number]) == total
        for number, answer in answers.items():
            got = parts[number]
            self.assertEqual(b"".join(got[i] for i in sorted(got)), answer)

    def test_expiry_and_idle_kicks(self):
        def work(library):
            with Memcached(library, "-o", "idle_timeout=2") as server:
                self.check_idle_kicks(server)
                kicks = server.control.stats()["idle_kicks"]
                self.assertEqual(server.stop(), 0)
            # By itself, so that a pause of the machine kicks nobody.
            with Memcached(library) as server:
                self.check_expiry(server)
                counters = server.control.compared()
                self.assertEqual(server.stop(), 0)
            counters["idle_kicks"] = kicks
            # Whether an expired value is found by the one who asks for it or
            # by the crawler is chance.
            del counters["get_expired"]
            return counters

        results = harness.on_both(work)
        self.assertEqual(results["evoke"]["idle_kicks"], "20")
        self.assertEqual(results["evoke"]["get_misses"], "100")
        self.assertEqual(results["evoke"]["curr_items"], "100")
        self.assert_same(results, "memcached's counters")

    def check_idle_kicks(self, server):
        # Nobody is there to be kicked but these, not even who asks.
        server.control.close()
        idle = [server.connect() for _ in range(20)]
        for sock in idle:
            sock.sendall(b"mn\r\n")
            self.assertEqual(sock.recv(100), b"MN\r\n")

        harness.wait_until(
            lambda: len(select.select(idle, [], [], 0)[0]) == len(idle),
            "idle connections to be closed")
        for sock in idle:
            self.assertEqual(sock.recv(100), b"")
            sock.close()
        server.open_control()

    def check_expiry(self, server):
        """memcached's clock is a timer of libevent's, once a second."""
        control = server.control
        for i in range(100):
            self.assertEqual(control.ask(b"set short%d 0 6 1\r\nx" % i),
                             b"STORED\r\n")
            self.assertEqual(control.ask(b"set long%d 0 300 1\r\nx" % i),
                             b"STORED\r\n")
        for i in range(100):
            self.assertEqual(control.ask(b"mg short%d" % i), b"HD\r\n")
        start = int(control.stats()["time"])
        harness.wait_until(
            lambda: int(control.stats()["time"]) >= start + 8,
            "memcached's clock to go on")
        for i in range(100):
            self.assertEqual(control.ask(b"mg short%d" % i), b"EN\r\n")
            self.assertEqual(control.ask(b"mg long%d" % i), b"HD\r\n")


if __name__ == "__main__":
    unittest.main()
