#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Five hundred clients at once: in ten rooms, and all in one."""

import os
import resource
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chat_server import Client, Server, main, wait_until  # noqa: E402

CLIENTS = 500
ROOMS = 10


class Crowd(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        # Ours, and the server's, which inherits it.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * CLIENTS if most == resource.RLIM_INFINITY else most
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (max(wanted, 2 * CLIENTS), most))

    def test_all_hear_all_of_their_room(self):
        with Server("--rate", "0", "--group-rate", "0") as server:
            before = server.fds()
            clients = [Client(server, "c%d" % i) for i in range(CLIENTS)]
            for i, client in enumerate(clients):
                client.say("/join room%d" % (i % ROOMS))
            for client in clients:
                client.catch_up()
            for i, client in enumerate(clients):
                client.say("I am %d" % i)
            for i, client in enumerate(clients):
                expected = {"<c%d> I am %d" % (j, j)
                            for j in range(i % ROOMS, CLIENTS, ROOMS)
                            if j != i}
                heard = set()
                while heard != expected:
                    line = client.line()
                    if line.startswith("<"):
                        heard.add(line)
                    self.assertLessEqual(heard, expected)
            for client in clients:
                client.say("/quit")
            for client in clients:
                self.assertEqual(client.rest()[-1], "* good bye")
                client.close()
            wait_until(lambda: server.fds() == before,
                       "as many descriptors as before")

    def test_one_room_of_all_of_them(self):
        with Server("--rate", "0", "--group-rate", "0") as server:
            clients = [Client(server) for _ in range(CLIENTS)]
            # Who comes is told to all who are there: read, or be dropped.
            for client in clients:
                client.catch_up()
            lines = ["line %d" % i for i in range(20)]
            clients[0].say(*lines)
            for client in clients[1:]:
                heard = []
                while len(heard) < len(lines):
                    line = client.line()
                    if line.startswith("<guest1> "):
                        heard.append(line[len("<guest1> "):])
                self.assertEqual(heard, lines)
            for client in clients:
                client.close()


if __name__ == "__main__":
    main()
