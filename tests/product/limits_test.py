#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What nobody can do to the chat: flood it, fill its memory, upset terminals,
or keep a place without using it."""

import os
import random
import re
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from chat_server import LIMIT_S, Client, Server, main, wait_until  # noqa: E402

SLOW = "* you read too slowly: good bye"


def stats(client):
    client.catch_up()
    client.say("/stats")
    lines = []
    while not lines or not lines[-1].startswith("* others: "):
        lines.append(client.line())
    return " ".join(lines)


class Lines(unittest.TestCase):

    def test_a_line_that_is_too_long_is_thrown_away(self):
        with Server("--rate", "0", "--group-rate", "0") as server, \
                Client(server, "ann") as ann, Client(server, "bob") as bob:
            ann.catch_up()
            bob.say("x" * 1000)
            self.assertEqual(ann.line(), "<bob> " + "x" * 1000)
            for length in (1001, 5000, 8000, 8001, 200000, 5000000):
                bob.say("y" * length, "next")
                self.assertEqual(ann.line(), "<bob> next", length)
                self.assertEqual(bob.line(), "* a line has 1000 bytes at most")
            self.assertEqual(bob.catch_up(), [])

    def test_a_long_line_takes_no_memory(self):
        # What was freed is not kept for a sanitizer's sake.
        env = dict(os.environ)
        env["ASAN_OPTIONS"] = (env.get("ASAN_OPTIONS", "") +
                               ":quarantine_size_mb=1")
        with Server("--rate", "0", "--group-rate", "0", env=env) as server, \
                Client(server, "bob") as bob:
            before = self.resident_kb(server)
            bob.send(b"z" * (64 << 20) + b"\n")
            bob.skip_to("* a line has 1000 bytes at most")
            bob.catch_up()
            self.assertLess(self.resident_kb(server), before + (16 << 10))

    @staticmethod
    def resident_kb(server):
        with open("/proc/%d/status" % server.pid) as status:
            return next(int(line.split()[1]) for line in status
                        if line.startswith("VmRSS"))

    def test_what_is_no_text_is_not_shown(self):
        cases = {
            b"\x1b[2Jhello\x07": "?[2Jhello?",
            b"a\x00b": "a?b",
            b"a\tb\x7f\rc": "a\tb??c",
            "grüße, 世界 😀".encode(): "grüße, 世界 😀",
            b"\xff\xc0\x80\xe2\x82": "?????",          # none, overlong, cut off
            b"\xed\xa0\x80 \xf4\x90\x80\x80": "??? ????",  # no character
            "\u0085|\u009b1m".encode(): "??|??1m",     # controls of 8 bits
        }
        with Server() as server, Client(server, "ann") as ann, \
                Client(server, "bob") as bob:
            ann.catch_up()
            for sent, shown in cases.items():
                bob.send(sent + b"\n")
                self.assertEqual(ann.line(), "<bob> " + shown)

    def test_garbage_does_no_harm(self):
        noise = random.Random(1)
        with Server("--rate", "0") as server:
            for _ in range(50):
                with Client(server) as client:
                    client.send(noise.randbytes(noise.randrange(20000)))
                    client.send(b"\n/" + noise.randbytes(300) + b"\n")
            with Client(server, "ann") as ann:
                ann.say("/join elsewhere", "/who")
                ann.skip_to("* in elsewhere: ann")


class Rates(unittest.TestCase):

    def test_who_sends_too_fast_is_slowed_down_and_loses_nothing(self):
        lines = ["%03d " % i + "x" * 195 for i in range(150)]  # 30,000 bytes
        with Server("--rate", "10000") as server, \
                Client(server, "ann") as ann, Client(server, "bob") as bob:
            ann.catch_up()
            begin = time.monotonic()
            bob.say(*lines)
            ann.say("I am not slowed down")
            bob.skip_to("<ann> I am not slowed down")
            heard = ann.lines(len(lines))
            # A second's worth at once, the rest at 10,000 bytes a second; less
            # than that would be no limit.
            self.assertGreater(time.monotonic() - begin, 1.5)
            self.assertEqual(heard, ["<bob> " + line for line in lines])

    def test_all_together_are_slowed_down_by_the_groups_rate(self):
        line = "x" * 199
        with Server("--rate", "0", "--group-rate", "10000") as server, \
                Client(server, "ann") as ann:
            crowd = [Client(server) for _ in range(4)]
            for client in crowd:
                client.catch_up()
            ann.catch_up()
            begin = time.monotonic()
            for client in crowd:
                client.say(*[line] * 35)
            ann.lines(4 * 35)  # 28,000 bytes
            self.assertGreater(time.monotonic() - begin, 1.3)
            for client in crowd:
                client.close()


class SlowReaders(unittest.TestCase):
    FLAGS = ("--rate", "0", "--group-rate", "0", "--hold", "16384",
             "--last", "30")

    def test_who_asks_and_does_not_read_is_held_back_and_loses_nothing(self):
        questions = 20000
        with Server(*self.FLAGS) as server, Client(server, "ann") as ann, \
                Client(server, receive_buffer=4096) as bob:
            bob.socket.setblocking(False)
            data = bob.encode(b"/help\n" * questions)
            try:
                data = data[bob.socket.send(data):]
            except BlockingIOError:
                pass
            bob.socket.settimeout(LIMIT_S)
            wait_until(lambda: "held back 0 times" not in stats(ann),
                       "who does not read to be held back")
            heard = int(re.search(r"(\d+) heard", stats(ann))[1])
            self.assertLess(heard, questions / 2)
            answers = 0
            while answers < questions:
                if data:  # a few more for each answer that came
                    data = data[bob.socket.send(data[:60]):]
                answers += bob.line() == "* /quit: leave"
            self.assertIn(", 0 dropped", stats(ann))

    def test_who_does_not_read_while_others_talk_is_dropped_and_told(self):
        with Server(*self.FLAGS, "--drop", "65536") as server, \
                Client(server, "ann") as ann:
            bob = Client(server, receive_buffer=4096)
            ann.catch_up()
            lines = []
            while "1 dropped" not in stats(ann):
                self.assertLess(len(lines), 20000, "it is never dropped")
                said = ["%d %s" % (len(lines) + i, "x" * 900)
                        for i in range(20)]
                lines += ["<ann> " + line for line in said]
                ann.say(*said)
            # What was sent before comes, and the last words behind it.
            heard = bob.rest()
            self.assertEqual(heard[-1], SLOW)
            said = [line for line in heard if line.startswith("<ann>")]
            self.assertEqual(said, lines[:len(said)])
            self.assertNotIn("held back 0", stats(ann))
            bob.close()

    def test_who_reads_nothing_at_all_is_closed_in_the_end(self):
        with Server(*self.FLAGS[:-2], "--stall", "0.3", "--last", "0.3",
                    "--drop", "100000000") as server, \
                Client(server, "ann") as ann:
            bob = Client(server, receive_buffer=4096)
            ann.catch_up()
            ann.say(*["x" * 900] * 1000)
            ann.skip_to("* guest2 has left")
            self.assertIn("1 dropped", stats(ann))
            bob.close()


class Places(unittest.TestCase):

    def test_who_says_nothing_is_told_and_closed(self):
        with Server("--idle", "0.3") as server, Client(server) as ann:
            begin = time.monotonic()
            self.assertEqual(ann.rest()[-1],
                             "* you have been silent too long: good bye")
            self.assertGreater(time.monotonic() - begin, 0.2)

    def test_who_says_something_now_and_then_may_stay(self):
        with Server("--idle", "3") as server, Client(server, "ann") as ann, \
                Client(server) as idle:
            idle.say("/join den")
            idle.skip_to("* you are in den; others: 0")
            idle.socket.settimeout(0.2)
            told = False
            while not told:
                ann.say("still here")
                ann.catch_up()
                try:
                    told = idle.line() is not None
                except socket.timeout:
                    pass
            self.assertIn("1 idle", stats(ann))

    def test_beyond_the_last_place_one_is_told_so(self):
        with Server("--clients", "2") as server, Client(server, "ann") as ann:
            with Client(server, "bob"):
                for _ in range(5):
                    with Client(server) as late:
                        self.assertEqual(
                            late.rest(),
                            ["* the server is full: come back later"])
                self.assertIn("5 refused", stats(ann))
            ann.skip_to("* bob has left")
            with Client(server) as late:
                self.assertIn("welcome", late.line())

    def test_out_of_descriptors_is_no_end(self):
        # 3 standard ones, 5 of its own, and what the library needs.
        import resource
        with Server("--last", "0.1") as server:
            limit = len(server.fds()) + 3
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE,
                             (limit, limit))
            inside = [Client(server) for _ in range(3)]
            for client in inside:
                client.catch_up()
            waiting = Client(server)  # in the kernel's queue
            server.wait_for_log("cannot accept")
            inside.pop().close()
            self.assertIn("welcome", waiting.line())
            for client in inside + [waiting]:
                client.close()


class Descriptors(unittest.TestCase):

    def test_none_is_left_open_however_a_client_leaves(self):
        with Server("--rate", "0", "--last", "1") as server, \
                Client(server, "ann") as ann:
            before = server.fds()
            for i in range(120):
                client = Client(server)
                [self.quit, self.half_close, self.close, self.reset,
                 self.long_line][i % 5](client)
            ann.catch_up()
            wait_until(lambda: server.fds() == before,
                       "as many descriptors as before")

    @staticmethod
    def quit(client):
        client.say("/quit")
        client.rest()
        client.close()

    @staticmethod
    def half_close(client):
        client.socket.shutdown(socket.SHUT_WR)
        client.rest()
        client.close()

    @staticmethod
    def close(client):
        client.close()

    @staticmethod
    def reset(client):
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                 struct.pack("ii", 1, 0))
        client.close()

    @staticmethod
    def long_line(client):
        client.send(b"x" * 10000)
        client.close()


if __name__ == "__main__":
    main()
