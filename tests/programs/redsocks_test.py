#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""redsocks, a proxy that gives up root, between curl and a web server.

redsocks takes connections that were meant for others and passes them on
through a proxy: here SOCKS 4, SOCKS 5 with a password and HTTP's CONNECT, all
played by this test. It listens on all addresses; who connects to 127.0.0.5 is
taken for one whose connection was redirected on its way there.
"""

import hashlib
import http.server
import os
import pwd
import random
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

NOISE = random.Random(7).randbytes(1 << 21)
ADDRESS = "127.0.0.5"
CONNECTIONS = 100


def file_of(number):
    """What the web server has under /number: 0 to 1 MiB."""
    size = random.Random(number).choice((0, 1, 1000, 40000, 1 << 20))
    return NOISE[number:number + size]


class Origin(http.server.BaseHTTPRequestHandler):
    """The web server at the far end."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(file_of(int(self.path[1:])))

    def do_PUT(self):
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left:
            piece = self.rfile.read(min(left, 1 << 16))
            digest.update(piece)
            left -= len(piece)
        self.answer(digest.hexdigest().encode())

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class WebServer(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class Proxy:
    """Accepts connections; `greet` reads what is asked for and returns whether
    to connect. Whatever was asked for, the connection goes to `target`."""

    def __init__(self, target, greet):
        self.target, self.greet = target, greet
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.asked = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(client,),
                             daemon=True).start()

    def relay(self, client):
        with client:
            if not self.greet(client, self.asked):
                return
            with socket.create_connection(self.target) as server:
                back = threading.Thread(target=copy, args=(server, client))
                back.start()
                copy(client, server)
                back.join()

    def close(self):
        self.listener.close()


def copy(source, sink):
    """Up to the end, which is passed on, too."""
    try:
        for piece in iter(lambda: source.recv(1 << 16), b""):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def receive(sock, length):
    data = b""
    while len(data) < length:
        piece = sock.recv(length - len(data))
        if not piece:
            raise OSError("ended early")
        data += piece
    return data


def socks5(sock, asked):
    _, methods = receive(sock, 2)
    receive(sock, methods)
    sock.sendall(b"\x05\x02")
    name_length = receive(sock, 2)[1]
    name = receive(sock, name_length)
    password = receive(sock, receive(sock, 1)[0])
    sock.sendall(b"\x01\x00")
    _, command, _, kind = receive(sock, 4)
    address, port = receive(sock, 4), receive(sock, 2)
    asked.append((name, password, command, kind, socket.inet_ntoa(address)))
    sock.sendall(b"\x05\x00\x00\x01" + address + port)
    return True


def socks4(sock, asked):
    version, command, _, address = struct.unpack("!BBH4s", receive(sock, 8))
    while receive(sock, 1) != b"\x00":
        pass
    asked.append((version, command, socket.inet_ntoa(address)))
    sock.sendall(b"\x00\x5a" + bytes(6))
    return True


def http_connect(sock, asked):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += receive(sock, 1)
    asked.append(re.sub(rb":\d+", b"", head.split(b"\r\n")[0]))
    sock.sendall(b"HTTP/1.0 200 Go on\r\nX-Proxy: test\r\n\r\n")
    return True


def socks5_refuses(sock, asked):
    socks5_head = receive(sock, 2)
    receive(sock, socks5_head[1])
    sock.sendall(b"\x05\x00")
    receive(sock, 10)
    sock.sendall(b"\x05\x05\x00\x01" + bytes(6))
    asked.append("refused")
    return False


class Redsocks(harness.Daemon):
    """redsocks with one port for each (type, proxy port, login)."""

    def __init__(self, library, ways, user):
        for _ in range(5):
            self.ports = [
                harness.free_port(address="0.0.0.0") for _ in ways]
            self.dns_port = harness.free_port((socket.SOCK_DGRAM,))
            path = os.path.join(library.scratch, "redsocks.conf")
            with open(path, "w") as file:
                file.write(self.configuration(ways, user))
            super().__init__(library, [harness.require("redsocks"), "-c", path])
            if self.wait_ready(lambda: "redsocks started" in self.log()):
                library.check_process(self.pid)
                return
        raise AssertionError("redsocks ended:\n" + self.log())

    def configuration(self, ways, user):
        drop = "user = %s; group = nogroup;" % user if user else ""
        text = ("base { log_debug = off; log_info = on; log = stderr; "
                "daemon = off; redirector = generic; %s }\n" % drop)
        for port, (kind, proxy_port, login) in zip(self.ports, ways):
            text += ("redsocks { local_ip = 0.0.0.0; local_port = %d; "
                     "ip = 127.0.0.1; port = %d; type = %s; %s }\n"
                     % (port, proxy_port, kind, login))
        return text + ("dnstc { local_ip = 127.0.0.1; local_port = %d; }\n"
                       % self.dns_port)


class RedsocksTest(harness.ProgramTest):

    def setUp(self):
        self.web = WebServer(("127.0.0.1", 0), Origin)
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        self.addCleanup(self.web.server_close)
        self.addCleanup(self.web.shutdown)

    def proxies(self, target):
        made = [Proxy(target, greet) for greet in (
            socks5, socks4, http_connect, socks5_refuses)]
        for proxy in made:
            self.addCleanup(proxy.close)
        return made

    def run_redsocks(self, library, target, work):
        """work(server, proxies) on a redsocks before proxies to `target`."""
        proxies = self.proxies(target)
        closed = socket.socket()  # bound, and never listening
        closed.bind(("127.0.0.1", 0))
        self.addCleanup(closed.close)
        ports = [proxy.port for proxy in proxies] + [closed.getsockname()[1]]
        user = "nobody" if os.geteuid() == 0 else None
        # One way has the kernel pass the bytes on (splice), the others have
        # bufferevents do it.
        login = "login = someone; password = secret; splice = off;"
        ways = list(zip(("socks5", "socks4", "http-connect", "socks5",
                         "socks5"), ports,
                        (login, "splice = off;", "", "", "")))
        with Redsocks(library, ways, user) as server:
            if user:
                self.check_user(server, user)
            result = work(server, proxies)
            # Tells of all connections there are, and goes on.
            server.process.send_signal(signal.SIGUSR1)
            harness.wait_until(lambda: "End of client list" in server.log(),
                               "the list of clients")
            self.assertEqual(server.stop(), 0)
            self.assertIn("redsocks goes down", server.log())
        return result

    def check_user(self, server, user):
        with open("/proc/%d/status" % server.pid) as status:
            ids = re.search(r"Uid:\s+(\d+)\s+(\d+)\s+(\d+)", status.read())
        self.assertEqual({int(number) for number in ids.groups()},
                         {pwd.getpwnam(user).pw_uid})

    def test_downloads_and_uploads_by_curl(self):
        upload = os.path.join(harness.SCRATCH, "upload")
        with open(upload, "wb") as file:
            for _ in range(10):
                file.write(NOISE)

        def work(library):
            return self.run_redsocks(
                library, self.web.server_address,
                lambda server, proxies: self.curl(server, proxies, upload))

        results = harness.on_both(work)
        self.assert_same(results, "what curl and the proxies saw")

    def curl(self, server, proxies, upload):
        directory = server.library.scratch
        for kind in range(3):
            url = "http://%s:%d/" % (ADDRESS, server.ports[kind])
            subprocess.run(
                [harness.require("curl"), "-sS", "--no-progress-meter", "--fail",
                 "--noproxy", "*", "--max-time", "60", "--parallel", "--parallel-max", "40",
                 "-o", os.path.join(directory, "%d-#1" % kind),
                 url + "[0-99]"], check=True, env=server.library.environment())
            for number in range(100):
                path = os.path.join(directory, "%d-%d" % (kind, number))
                # curl makes no file of nothing.
                got = b""
                if os.path.exists(path):
                    with open(path, "rb") as file:
                        got = file.read()
                self.assertTrue(got == file_of(number), path)
        url = "http://%s:%d/up" % (ADDRESS, server.ports[0])
        digest = subprocess.run(
            [harness.require("curl"), "-sS", "--fail", "--noproxy", "*",
             "--max-time", "60", "-T", upload, url], check=True,
            stdout=subprocess.PIPE, env=server.library.environment()).stdout
        self.assertEqual(
            digest.decode(), hashlib.sha256(NOISE * 10).hexdigest())
        asked = [sorted(set(proxy.asked)) for proxy in proxies]
        self.assertEqual(
            asked[0], [(b"someone", b"secret", 1, 1, ADDRESS)])
        self.assertEqual(asked[1], [(4, 1, ADDRESS)])
        self.assertEqual(asked[2], [b"CONNECT %s HTTP/1.0"
                                    % ADDRESS.encode()])
        return asked, digest

    def test_half_closed_full_and_refused(self):
        """Raw connections, to a server that answers when it saw the end."""
        def work(library):
            listener = socket.create_server(("127.0.0.1", 0), backlog=256)
            self.addCleanup(listener.close)
            threading.Thread(target=digest_server, args=(listener,),
                             daemon=True).start()
            return self.run_redsocks(library, listener.getsockname(), self.raw)

        results = harness.on_both(work)
        self.assert_same(results, "what the clients saw")

    def raw(self, server, _):
        seen = []
        for kind in range(3):
            with self.connect(server, kind) as sock:
                sock.sendall(NOISE)
                sock.shutdown(socket.SHUT_WR)
                seen.append(sock.recv(1000))
                self.assertEqual(
                    seen[-1], hashlib.sha256(NOISE).hexdigest().encode())
                self.assertEqual(sock.recv(1000), b"")
        # Nobody reads at the far end until all was offered: what redsocks
        # cannot pass on it must not take in. That holds once the far end is
        # reached, which its answer tells; until then redsocks takes all that
        # comes, on both libraries.
        with self.connect(server, 0) as sock:
            sock.sendall(b"wait")
            self.assertEqual(receive(sock, 7), b"waiting")
            sock.settimeout(0.5)
            taken = 0
            try:
                while taken < 1 << 28:
                    taken += sock.send(NOISE)
            except socket.timeout:
                pass
            self.assertLess(taken, 1 << 27)
            self.assertLess(server.peak_kb(), 32 << 10)
        # Many at once, and as many again when these are gone.
        for _ in range(3):
            socks = [self.connect(server, 0) for _ in range(CONNECTIONS)]
            for number, sock in enumerate(socks):
                sock.sendall(b"number %d" % number)
            # redsocks may lose what came just before the end when it is not
            # connected yet, on both libraries; so the end comes later.
            for number, sock in enumerate(socks):
                seen.append(sock.recv(1000))
                self.assertEqual(seen[-1], b"number %d" % number)
                sock.shutdown(socket.SHUT_WR)
            for sock in socks:
                self.assertEqual(
                    sock.recv(1000), hashlib.sha256().hexdigest().encode())
                self.assertEqual(sock.recv(1000), b"")
                sock.close()
        # A proxy that says no, and one that is not there.
        for kind in (3, 4):
            with self.connect(server, kind) as sock:
                try:
                    seen.append(sock.recv(1000))
                except ConnectionResetError:
                    seen.append(b"")
                self.assertEqual(seen[-1], b"")
        # DNS: the answer is always that the client should ask by TCP.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(harness.LIMIT_S)
            sock.connect(("127.0.0.1", server.dns_port))
            query = struct.pack("!6H", 77, 0x0100, 1, 0, 0, 0) + \
                b"\x07example\x03org\x00" + struct.pack("!2H", 1, 1)
            sock.send(query)
            seen.append(sock.recv(1000))
            self.assertEqual(seen[-1][:2], query[:2])
            self.assertEqual(seen[-1][2] & 0x82, 0x82)  # an answer, cut short
        return seen

    def connect(self, server, kind):
        sock = socket.create_connection((ADDRESS, server.ports[kind]))
        sock.settimeout(harness.LIMIT_S)
        return sock


def digest_server(listener):
    """Answers each connection with the digest of all that it sent; but
    "number ..." comes back at once."""
    def serve(sock):
        with sock:
            digest = hashlib.sha256()
            for piece in iter(lambda: sock.recv(1 << 16), b""):
                if piece.startswith(b"wait"):
                    sock.sendall(b"waiting")
                    # Reads no more until the other side has gone.
                    poll_end(sock)
                    return
                if piece.startswith(b"number"):
                    sock.sendall(piece)
                    continue
                digest.update(piece)
            sock.sendall(digest.hexdigest().encode())

    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


def poll_end(sock):
    poll = select.poll()
    poll.register(sock, select.POLLRDHUP | select.POLLHUP)
    poll.poll(harness.LIMIT_S * 1000)


if __name__ == "__main__":
    unittest.main()
