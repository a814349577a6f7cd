#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What people do in the chat: names, rooms, histories, commands."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chat_server import Client, Server, main  # noqa: E402


class People(unittest.TestCase):

    def test_what_one_says_all_others_of_the_room_hear(self):
        with Server() as server, Client(server, "ann") as ann, \
                Client(server, "bob") as bob, Client(server, "eve") as eve:
            eve.say("/join den")
            eve.skip_to("* you are in den; others: 0")
            ann.catch_up()
            bob.catch_up()
            bob.say("hello")
            self.assertEqual(ann.line(), "<bob> hello")
            self.assertEqual(bob.catch_up(), [])
            self.assertEqual(eve.catch_up(), [])

    def test_lines_may_come_in_pieces_and_with_any_end(self):
        with Server() as server, Client(server, "ann") as ann, \
                Client(server, "bob") as bob:
            ann.catch_up()
            for piece in (b"on", b"e", b"\r", b"\ntwo\r\n", b"\n\nthr",
                          b"ee\n"):
                bob.send(piece)
                bob.catch_up() if piece.endswith(b"\n") else None
            self.assertEqual(ann.lines(3),
                             ["<bob> one", "<bob> two", "<bob> three"])

    def test_who_comes_and_who_leaves_is_told(self):
        with Server() as server, Client(server, "ann") as ann:
            with Client(server, "bob") as bob:
                self.assertEqual(ann.line(), "* guest2 has come")
                self.assertEqual(ann.line(), "* guest2 is now bob")
                bob.say("/join den")
                self.assertEqual(ann.line(), "* bob has left")
                bob.say("/join lobby")
                self.assertEqual(ann.line(), "* bob has come")
            self.assertEqual(ann.line(), "* bob has left")

    def test_a_room_replays_its_last_lines(self):
        with Server("--history", "3") as server, \
                Client(server, "ann") as ann, Client(server, "bob") as bob:
            ann.say("/join den", "1", "2", "3", "4")
            ann.catch_up()
            bob.catch_up()
            bob.say("/join den")
            bob.skip_to("* you are in den; others: 1")
            self.assertEqual(bob.catch_up(),
                             ["| <ann> 2", "| <ann> 3", "| <ann> 4"])
            bob.say("/history 1")
            self.assertEqual(bob.catch_up(), ["| <ann> 4"])
            bob.say("/history")
            self.assertEqual(len(bob.catch_up()), 3)
            bob.say("/history x")
            self.assertEqual(bob.catch_up(), ["* /history [LINES]"])

    def test_an_empty_room_keeps_its_history(self):
        with Server() as server, Client(server, "ann") as ann:
            ann.say("/join den", "remember me", "/join lobby", "/join den")
            ann.skip_to("| <ann> remember me")

    def test_the_room_that_was_empty_longest_goes_for_a_new_one(self):
        with Server("--rate", "0") as server, Client(server, "ann") as ann:
            for i in range(105):
                ann.say("/join room%d" % i, "said in %d" % i)
            ann.catch_up()
            ann.say("/rooms")
            rooms = [line.split(":")[0] for line in ann.catch_up()]
            self.assertEqual(len(rooms), 100)
            self.assertEqual(rooms[0], "* room104")
            self.assertNotIn("* room3", rooms)
            self.assertIn("* room5", rooms)

    def test_a_name_is_one_persons(self):
        with Server() as server, Client(server, "ann") as ann, \
                Client(server) as bob:
            bob.catch_up()
            bob.say("/nick Ann")
            self.assertEqual(bob.line(), "* ann is somebody else")
            ann.say("/nick ANN")  # one's own, in other letters
            ann.skip_to("* ann is now ANN")
            ann.say("/quit")
            ann.rest()
            bob.skip_to("* ANN has left")
            bob.say("/nick ann")
            bob.skip_to("* guest2 is now ann")

    def test_a_guest_gets_no_name_that_is_taken(self):
        with Server() as server, Client(server, "guest2"), \
                Client(server) as other:
            self.assertEqual(other.read_name(), "guest3")

    def test_names_that_are_none(self):
        with Server() as server, Client(server, "ann") as ann:
            ann.catch_up()
            for name in ("", "a b", "x" * 21, "né", "a/b", "\x1b[2J"):
                ann.say("/nick " + name)
                self.assertIn("a name has letters", ann.line(), name)
                ann.say("/join " + name)
                self.assertEqual(ann.line(), "* /join ROOM", name)

    def test_who_lists_the_room_in_lines_that_fit(self):
        with Server("--rate", "0") as server:
            clients = [Client(server, "a-long-name-for-%03d" % i)
                       for i in range(60)]
            clients[0].catch_up()
            clients[0].say("/who")
            lines = clients[0].catch_up()
            self.assertTrue(lines[0].startswith("* in lobby: a-long-name"))
            self.assertTrue(lines[1].startswith("* and: "))
            names = " ".join(lines).replace("* in lobby:", "").replace(
                "* and:", "").split()
            self.assertEqual(len(set(names)), 60)
            self.assertLess(max(map(len, lines)), 1101)
            for client in clients:
                client.close()

    def test_help_names_every_command(self):
        with Server() as server, Client(server) as ann:
            ann.catch_up()
            ann.say("/help")
            text = " ".join(ann.catch_up())
            for name in ("nick", "join", "who", "rooms", "history", "stats",
                         "help", "quit"):
                self.assertIn("/" + name, text)

    def test_stats_count_what_happened(self):
        with Server() as server, Client(server, "ann") as ann, \
                Client(server, "bob") as bob:
            bob.say("hello", "x" * 1001)
            bob.skip_to("* a line has 1000 bytes at most")
            ann.skip_to("<bob> hello")
            ann.say("/stats")
            text = " ".join(ann.lines(4))
            self.assertRegex(text, r"up for \d+ s; 2 are here, 2 have come")
            self.assertRegex(text, r"lines: 5 heard, \d+ told, 1 too long")
            self.assertIn("held back 0 times, 0 dropped", text)
            self.assertIn("0 idle, 0 broken, 0 refused", text)

    def test_quit_says_good_bye_and_ignores_the_rest(self):
        with Server() as server, Client(server) as ann:
            ann.say("/quit", "not said any more", "/who")
            lines = ann.rest()
            self.assertEqual(lines[-1], "* good bye")
            ann.close()
            with Client(server) as bob:
                self.assertEqual(bob.catch_up()[-1],
                                 "* you are in lobby; others: 0")

    def test_a_connection_ends_when_both_sides_have_ended(self):
        # Not when the time for last words is over, and not by a reset, although
        # there is more to be read than the server cares for.
        with Server("--last", "1000", "--rate", "2000") as server:
            with Client(server) as ann:
                ann.say("/quit", *["x" * 900] * 100)
                self.assertEqual(ann.rest()[-1], "* good bye")
            with Client(server) as bob:
                bob.say("/quit")
                self.assertEqual(bob.rest()[-1], "* good bye")

    def test_who_ends_its_side_still_hears_the_answers(self):
        with Server() as server, Client(server) as ann:
            ann.say("/who")
            ann.socket.shutdown(1)
            self.assertEqual(ann.rest()[-1], "* in lobby: guest1")


if __name__ == "__main__":
    main()
