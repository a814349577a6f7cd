#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The chat through a filter; BUILD runs the other tests through one, too."""

import codecs
import os
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chat_client import Client, RecordClient, Rot13Client  # noqa: E402
from chat_server import Server, main, wait_until  # noqa: E402


class Rot13(unittest.TestCase):

    def test_the_wire_has_other_letters(self):
        with Server("--filter", "rot13") as server, \
                Client(server) as raw:
            self.assertEqual(raw.line(), codecs.encode(
                "* welcome, guest1; /help lists what you can do", "rot13"))

    def test_both_ends_turned_all_is_as_without(self):
        with Server("--filter", "rot13") as server, \
                Rot13Client(server, "ann") as ann, \
                Rot13Client(server, "bob") as bob:
            ann.catch_up()
            bob.say("Hello, 世界!")
            self.assertEqual(ann.line(), "<bob> Hello, 世界!")


class Record(unittest.TestCase):

    def test_records_may_come_in_pieces_and_hold_several_lines(self):
        with Server("--filter", "record") as server, \
                RecordClient(server, "ann") as ann, \
                RecordClient(server, "bob") as bob:
            ann.catch_up()
            data = (RecordClient.record(b"one\ntwo\nth") +
                    RecordClient.record(b"ree\n"))
            for i in range(len(data)):
                bob.socket.sendall(data[i:i + 1])
            self.assertEqual(ann.lines(3),
                             ["<bob> one", "<bob> two", "<bob> three"])

    def test_what_is_no_record_ends_the_connection(self):
        with Server("--filter", "record") as server, \
                RecordClient(server, "ann") as ann:
            before = server.fds()
            for head in (0, 16385, 65535):
                with RecordClient(server) as bob:
                    bob.read_name()
                    # Nothing unread is left when it is closed: no reset.
                    bob.socket.sendall(struct.pack(">H", head))
                    bob.rest()
            ann.say("/stats")
            ann.skip_to("* others: 0 idle, 3 broken, 0 refused")
            wait_until(lambda: server.fds() == before,
                       "as many descriptors as before")

    def test_the_last_words_come_through_whatever_waits_before_them(self):
        # More than what may be in front of a socket: the filter keeps most of
        # it until the end.
        with Server("--filter", "record", "--rate", "0", "--hold", "300000",
                    "--drop", "1000000") as server:
            bob = RecordClient(server, receive_buffer=4096)
            bob.say(*["/help"] * 1000, "/quit")
            lines = bob.rest()
            self.assertEqual(lines.count("* /quit: leave"), 1000)
            self.assertEqual(lines[-1], "* good bye")
            bob.close()


if __name__ == "__main__":
    main()
