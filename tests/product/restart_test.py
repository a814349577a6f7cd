#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Restarts that no client notices, and the end."""

import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chat_server import SCRATCH, Client, Server, main, wait_until  # noqa: E402

REPLACED = "* this server is being replaced: please come back within %d s"
COME_BACK = "* this server has been replaced: come back at once"
BYE = "* the server ends: good bye"


class Visitors(threading.Thread):
    """Comes, is welcomed and goes, over and over; notes whatever goes wrong."""

    def __init__(self, server):
        super().__init__()
        self._server = server
        self._over = False
        self.visits = 0
        self.errors = []

    def run(self):
        while not self._over:
            try:
                with Client(self._server) as client:
                    client.read_name()
                    client.say("/quit")
                    if client.rest()[-1] not in ("* good bye", COME_BACK):
                        self.errors.append("no good bye")
                self.visits += 1
            except Exception as error:  # noqa: BLE001, told by the test
                self.errors.append(repr(error))

    def end(self):
        self._over = True
        self.join()


class Restart(unittest.TestCase):

    def test_no_connection_is_refused_meanwhile(self):
        with Server("--drain", "0.3") as server:
            crowd = [Visitors(server) for _ in range(4)]
            for visitors in crowd:
                visitors.start()
            try:
                for _ in range(5):
                    server.restart()
                    seen = [visitors.visits for visitors in crowd]
                    wait_until(
                        lambda: all(now.visits > before + 20
                                    for now, before in zip(crowd, seen)),
                        "twenty visits of each")
            finally:
                for visitors in crowd:
                    visitors.end()
            self.assertEqual([v.errors for v in crowd], [[]] * 4)
            self.assertEqual(len(set(server.pids)), 6)

    def test_who_is_there_may_go_on_for_a_while_and_is_then_told(self):
        with Server("--drain", "1") as server, \
                Client(server, "ann") as ann, Client(server, "bob") as bob:
            old, new = server.restart()
            bob.skip_to(REPLACED % 1)
            ann.skip_to(REPLACED % 1)
            bob.say("we are still here")
            self.assertEqual(ann.line(), "<bob> we are still here")
            with Client(server) as late:
                late.skip_to("* you are in lobby; others: 0")
            self.assertEqual(ann.rest()[-1], COME_BACK)
            self.assertEqual(bob.rest()[-1], COME_BACK)
            ann.close()
            bob.close()
            self.assertEqual(server.wait(old), 0)
            self.assertEqual(server.pid, new)

    def test_the_old_one_goes_as_soon_as_nobody_is_left(self):
        with Server("--drain", "1000") as server:
            with Client(server, "ann"):
                old, _ = server.restart()
            self.assertEqual(server.wait(old), 0)
            old, _ = server.restart()
            self.assertEqual(server.wait(old), 0)

    def test_histories_go_over(self):
        with Server() as server, Client(server, "ann") as ann:
            ann.say("grüße", "/join den", "said in the den", "/join lobby")
            ann.catch_up()
            server.restart()
            server.restart()
            with Client(server, "bob") as bob:
                bob.say("/history")
                self.assertIn("| <ann> grüße", bob.catch_up())
                bob.say("/join den")
                bob.skip_to("| <ann> said in the den")

    def test_a_client_stays_with_the_old_one_and_leaks_into_no_other(self):
        with Server() as server, Client(server, "ann") as ann:
            sockets = self.sockets(server)
            server.restart()
            # The listening socket is the only one that both have.
            self.assertEqual(len(self.sockets(server) & sockets), 1)
            ann.skip_to(REPLACED % 30)
            ann.say("/quit")
            self.assertEqual(ann.rest(), ["* good bye"])

    def test_the_new_one_has_nothing_open_that_it_does_not_need(self):
        def kinds():
            return [re.sub(r"\d+", "N", name) for name in server.fds()]
        with Server() as server:
            before = kinds()
            with Client(server, "ann"):
                server.restart()
                # The pipe to the old one, by which it is ready, goes last.
                wait_until(lambda: kinds() == before,
                           "as much to be open as in the old one")

    @staticmethod
    def sockets(server):
        return {name for name in server.fds() if name.startswith("socket:")}

    def test_a_second_request_changes_nothing(self):
        with Server("--drain", "1000") as server, Client(server, "ann") as ann:
            old, new = server.restart()
            ann.skip_to(REPLACED % 1000)
            os.kill(old, signal.SIGUSR2)
            server.wait_for_log("a restart or an end is under way already")
            ann.say("/who")
            self.assertEqual(ann.line(), "* in lobby: ann")
            self.assertEqual(server.pid, new)
            ann.close()

    def test_the_draining_one_ends_by_sigterm(self):
        with Server("--drain", "1000") as server, Client(server, "ann") as ann:
            old, _ = server.restart()
            os.kill(old, signal.SIGTERM)
            self.assertEqual(ann.rest()[-1], BYE)
            ann.close()
            self.assertEqual(server.wait(old), 0)
            with Client(server) as late:
                self.assertIn("welcome", late.line())


class Upgrade(unittest.TestCase):
    """The program is looked up anew: another may lie there."""

    def setUp(self):
        self.program = os.path.join(tempfile.mkdtemp(dir=SCRATCH), "chat")
        self.put(Server.program)

    def put(self, source, text=None):
        draft = self.program + ".new"
        if text is None:
            shutil.copy(os.path.realpath(source), draft)
        else:
            with open(draft, "w") as file:
                file.write(text)
        os.chmod(draft, 0o755)
        os.rename(draft, self.program)

    def test_a_new_version_takes_over(self):
        with Server(program=self.program) as server:
            old_file = os.stat("/proc/%d/exe" % server.pid).st_ino
            self.put(Server.program)
            server.restart()
            new_file = os.stat("/proc/%d/exe" % server.pid).st_ino
            self.assertNotEqual(old_file, new_file)

    def test_one_that_fails_changes_nothing(self):
        with Server(program=self.program) as server, \
                Client(server, "ann") as ann:
            pid = server.pid
            self.put(None, "#!/bin/sh\nexit 3\n")
            server.signal(signal.SIGUSR2)
            server.wait_for_log("the restart failed")
            server.wait_for_log(r"process \d+ ended with status 3")
            os.unlink(self.program)
            server.signal(signal.SIGUSR2)
            server.wait_for_log("cannot restart: No such file")
            self.assertEqual(server.pid, pid)
            with Client(server, "bob") as bob:
                bob.say("all as before")
                ann.skip_to("<bob> all as before")
            before = server.fds()
            self.put(Server.program)
            server.restart()
            wait_until(lambda: len(server.fds()) < len(before),
                       "only what it needs to be open")
            ann.skip_to(REPLACED % 30)

    def test_one_that_never_serves_is_given_up(self):
        with Server(program=self.program) as server:
            self.put(None, "#!/bin/sh\nexec sleep 1000\n")
            server.signal(signal.SIGUSR2)
            child = int(server.wait_for_log(r"started process (\d+)")[1])
            server.wait_for_log("the restart failed")
            server.wait_for_log("process %d ended with signal 15" % child)

    def test_the_end_comes_to_one_that_does_not_serve_yet(self):
        with Server(program=self.program) as server:
            self.put(None, "#!/bin/sh\nexec sleep 1000\n")
            server.signal(signal.SIGUSR2)
            child = int(server.wait_for_log(r"started process (\d+)")[1])
            server.stop()
            self.assertEqual(server.wait(child), -signal.SIGTERM)
            server.stop = lambda: None


class End(unittest.TestCase):

    def test_all_are_told_and_the_port_is_free_at_once(self):
        server = Server()
        clients = [Client(server) for _ in range(20)]
        for client in clients:
            client.read_name()
        server.signal(signal.SIGTERM)
        for client in clients:
            self.assertEqual(client.rest()[-1], BYE)
            client.close()
        self.assertEqual(server.wait(), 0)
        self.assertFalse(os.path.exists(server.pid_file))
        with self.assertRaises(ConnectionRefusedError):
            Client(server)
        with Server("--port", str(server.port)) as again:
            self.assertEqual(again.port, server.port)

    def test_who_does_not_close_is_not_waited_for_long(self):
        with Server("--last", "0.2") as server:
            client = Client(server)
            server.stop()
            client.close()
            server.stop = lambda: None

    def test_the_second_signal_ends_it_at_once(self):
        with Server("--last", "1000") as server:
            client = Client(server)
            client.read_name()
            server.signal(signal.SIGINT)
            server.wait_for_log("signal 2: the end")
            server.stop()
            client.close()
            server.stop = lambda: None

    def test_a_port_that_is_taken_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            with self.assertRaisesRegex(
                    AssertionError, "cannot listen: Address already in use"):
                Server("--port", str(taken.getsockname()[1]))


if __name__ == "__main__":
    main()
