# SPDX-License-Identifier: BSD-3-Clause
"""A memcached of the test's own, and the connection that asks how it is."""

import os
import socket

import harness

# Counters that are not a matter of what was asked: process, clock, and how
# the kernel cut the streams into pieces for the four threads.
UNEQUAL = {
    "pid", "uptime", "time", "rusage_user", "rusage_system",
    # Buffers that the threads have in their caches, and turns they gave up.
    "conn_yields", "response_obj_count", "response_obj_bytes",
    "read_buf_count", "read_buf_bytes", "read_buf_bytes_free",
    # What the background threads have come to.
    "lru_maintainer_juggles", "lru_crawler_starts", "crawler_reclaimed",
    "crawler_items_checked", "moves_to_cold", "moves_to_warm",
    "moves_within_lru", "direct_reclaims", "lrutail_reflocked",
    "hash_power_level", "hash_bytes", "hash_is_expanding",
    "log_watchers", "log_worker_dropped", "log_worker_written",
    "log_watcher_skipped", "log_watcher_sent",
}


class Control:
    """One connection that asks for the counters and for the time."""

    def __init__(self, port, connections):
        """`connections` are there when nobody else is connected."""
        self.connections = connections
        self.sent = self.received = 0
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.settimeout(harness.LIMIT_S)
        self.stream = self.sock.makefile("rb")

    def stats(self, *arguments):
        request = " ".join(("stats",) + arguments).encode() + b"\r\n"
        self.sock.sendall(request)
        self.sent += len(request)
        counters, answered = {}, 0
        for line in iter(self.stream.readline, b"END\r\n"):
            _, name, value = line.decode().rstrip("\r\n").split(" ", 2)
            counters[name] = value
            answered += len(line)
        # The bytes of others: this answer is not counted yet.
        counters["bytes_read"] = str(
            int(counters["bytes_read"]) - self.sent)
        counters["bytes_written"] = str(
            int(counters["bytes_written"]) - self.received)
        self.received += answered + len(b"END\r\n")
        return counters

    def compared(self):
        """The counters, once all connections but this one are closed."""
        counters = harness.wait_until(
            self.settled, "connections to be closed")
        return {name: value for name, value in counters.items()
                if name not in UNEQUAL}

    def settled(self):
        counters = self.stats()
        connections = int(counters["curr_connections"])
        return connections == self.connections and counters

    def ask(self, request):
        self.sock.sendall(request + b"\r\n")
        answer = self.stream.readline()
        self.sent += len(request) + 2
        self.received += len(answer)
        return answer

    def close(self):
        self.stream.close()
        self.sock.close()


class Memcached(harness.Daemon):
    """memcached on ports of its own choice, for TCP and UDP."""

    def __init__(self, library, *options):
        self.ports_path = os.path.join(
            library.scratch, "ports%d" % len(os.listdir(library.scratch)))
        user = ["-u", "root"] if os.geteuid() == 0 else []
        super().__init__(
            library,
            [harness.require("memcached"), "-l", "127.0.0.1", "-p", "-1",
             "-t", "4", "-c", "1024"] + user + list(options),
            env=library.environment(MEMCACHED_PORT_FILENAME=self.ports_path))
        if not self.wait_ready(lambda: os.path.exists(self.ports_path)):
            raise AssertionError("memcached ended:\n" + self.log())
        with open(self.ports_path) as ports:
            lines = dict(line.split(": ") for line in ports if ": " in line)
        self.port = int(lines["TCP INET"])
        self.udp_port = int(lines.get("UDP INET", 0))
        library.check_process(self.pid)
        self.open_control()

    def open_control(self):
        # Each thread has the UDP socket, and counts it.
        self.control = Control(self.port, 5 if self.udp_port else 1)

    def __exit__(self, *details):
        self.control.close()
        super().__exit__(*details)

    def connect(self):
        sock = socket.create_connection(("127.0.0.1", self.port))
        sock.settimeout(harness.LIMIT_S)
        return sock
