#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gearmand, a job server of several threads that uses libevent_pthreads.

It calls evthread_use_pthreads(), and its threads hand connections and answers
to each other. The gearman program is both worker and client; raw connections
submit many jobs at once.
"""

import os
import socket
import struct
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

CLIENTS = 20
JOBS_PER_CLIENT = 300

# Numbers of the protocol's packets.
CAN_DO, PRE_SLEEP, NOOP, SUBMIT_JOB, JOB_CREATED, GRAB_JOB, NO_JOB = (
    1, 4, 6, 7, 8, 9, 10)
JOB_ASSIGN, WORK_COMPLETE, ECHO_REQUEST, ECHO_ANSWER = 11, 13, 16, 17


class Peer:
    """One connection that speaks gearman's binary protocol."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.settimeout(harness.LIMIT_S)
        self.stream = self.sock.makefile("rb")

    @staticmethod
    def packet(kind, *fields):
        data = b"\0".join(fields)
        return b"\0REQ" + struct.pack("!II", kind, len(data)) + data

    def send(self, *packets):
        self.sock.sendall(b"".join(packets))

    def receive(self):
        head = self.stream.read(12)
        if len(head) < 12:
            return None, b""
        magic, kind, length = struct.unpack("!4sII", head)
        if magic != b"\0RES":
            raise AssertionError("not a packet: %r" % head)
        return kind, self.stream.read(length)

    def close(self):
        self.stream.close()
        self.sock.close()


def serve_jobs(peer):
    """A worker that turns texts around, until its connection ends."""
    peer.send(peer.packet(CAN_DO, b"turn"), peer.packet(GRAB_JOB))
    while True:
        try:
            kind, data = peer.receive()
            if kind is None:
                return
            if kind == JOB_ASSIGN:
                handle, _, text = data.split(b"\0", 2)
                peer.send(peer.packet(WORK_COMPLETE, handle, text[::-1]),
                          peer.packet(GRAB_JOB))
            elif kind == NO_JOB:
                peer.send(peer.packet(PRE_SLEEP))
            elif kind == NOOP:
                peer.send(peer.packet(GRAB_JOB))
        except (OSError, ValueError):
            return


class GearmandTest(harness.ProgramTest):

    def test_jobs_from_many_to_many(self):
        results = harness.on_both(self.work)
        self.assert_same(results, "the answers and what gearadmin tells")

    def start(self, library):
        for _ in range(5):
            port = harness.free_port()
            user = ["-u", "root"] if os.geteuid() == 0 else []
            daemon = harness.Daemon(library, [
                harness.require("gearmand"), "-L", "127.0.0.1", "-p",
                str(port), "--threads=4", "-l", "stderr"] + user)
            if daemon.wait_ready(lambda: self.listens(port)):
                library.check_process(daemon.pid)
                self.check_threads_library(library, daemon.pid)
                return daemon, port
        raise AssertionError("gearmand ended:\n" + daemon.log())

    def listens(self, port):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    def check_threads_library(self, library, pid):
        self.assertTrue(any("libevent_pthreads" in path
                            for path in library.mapped(pid)))

    def work(self, library):
        daemon, port = self.start(library)
        with daemon:
            seen = self.by_the_gearman_program(library, port)
            self.at_once(port)
            seen += self.admin(library, port)
            self.assertEqual(daemon.stop(), 0)
        return seen

    def gearman(self, library, port, *arguments, **options):
        return subprocess.Popen(
            [harness.require("gearman"), "-h", "127.0.0.1", "-p",
             str(port)] + list(arguments), env=library.environment(),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)

    def by_the_gearman_program(self, library, port):
        workers = [self.gearman(library, port, "-w", "-f", "upper", "--",
                                "tr", "a-z", "A-Z") for _ in range(4)]
        try:
            clients = [self.gearman(library, port, "-f", "upper")
                       for _ in range(CLIENTS)]
            answers = [client.communicate(
                b"text of client %d " % number * 1000,
                timeout=harness.LIMIT_S)[0].decode()
                for number, client in enumerate(clients)]
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()
        for number, answer in enumerate(answers):
            self.assertEqual(answer, "TEXT OF CLIENT %d " % number * 1000)
        return answers

    def at_once(self, port):
        """Each client has all its jobs submitted before it reads."""
        workers = [Peer(port) for _ in range(8)]
        serving = [threading.Thread(target=serve_jobs, args=(peer,))
                   for peer in workers]
        for thread in serving:
            thread.start()
        try:
            clients = [Peer(port) for _ in range(CLIENTS)]
            for number, client in enumerate(clients):
                client.send(*(client.packet(
                    SUBMIT_JOB, b"turn", b"", b"job %d of %d" % (i, number))
                    for i in range(JOBS_PER_CLIENT)))
                client.send(client.packet(ECHO_REQUEST, b"heard"))
            for number, client in enumerate(clients):
                self.check_answers(number, client)
                client.close()
        finally:
            for peer in workers:
                peer.sock.shutdown(socket.SHUT_RDWR)
            for thread in serving:
                thread.join()
            for peer in workers:
                peer.close()

    def check_answers(self, number, client):
        created, done, echoed = [], {}, 0
        while len(done) < JOBS_PER_CLIENT or not echoed:
            kind, data = client.receive()
            if kind == JOB_CREATED:
                created.append(data)
            elif kind == WORK_COMPLETE:
                handle, text = data.split(b"\0", 1)
                done[handle] = text
            else:
                self.assertEqual((kind, data), (ECHO_ANSWER, b"heard"))
                echoed += 1
        self.assertEqual(sorted(done.values()), sorted(
            (b"job %d of %d" % (i, number))[::-1]
            for i in range(JOBS_PER_CLIENT)))
        self.assertEqual(set(created), set(done))

    def admin(self, library, port):
        def tell(what):
            return subprocess.run(
                [harness.require("gearadmin"), "-h", "127.0.0.1", "-p",
                 str(port), what], env=library.environment(), check=True,
                stdout=subprocess.PIPE,
                timeout=harness.LIMIT_S).stdout.decode()

        # Workers that have gone are noticed by and by.
        status = harness.wait_until(
            lambda: self.idle(tell("--status")), "the workers to be gone")
        return [status, tell("--server-version")]

    def idle(self, status):
        """No job of any function, waiting or running, and no worker."""
        rows = [line.split("\t")[1:] for line in status.splitlines()
                if "\t" in line]
        return all(row == ["0", "0", "0"] for row in rows) and (
            status or "nothing")


if __name__ == "__main__":
    unittest.main()
