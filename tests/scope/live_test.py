#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the page is told of a program agrees with what the program did."""

import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from known_program import Program, until  # noqa: E402

PROGRAM = "tests/scope/program"


class LiveTest(unittest.TestCase):

    def test_what_waits(self):
        with Program(PROGRAM) as program:
            known = program.report()
            state = program.state()
            self.assertEqual(state["method"], "epoll")
            by_fd = {entry["fd"]: entry for entry in state["fds"]}
            self.assertIn(known["paused"], by_fd)
            self.assertEqual(
                [event["what"] for event in by_fd[known["paused"]]["waits"]],
                ["READ|PERSIST"])
            self.assertEqual(by_fd[known["paused"]]["buffers"]["read_high"], 100)
            self.assertIn("on_line", by_fd[0]["waits"][0]["name"])
            hourly, = [timer for timer in state["timers"] if timer["fd"] == -1]
            self.assertIn("on_hourly (program+0x", hourly["name"])
            self.assertLess(abs(hourly["in_us"] - 3600e6), 600e6)
            self.assertLess(abs(hourly["of_us"] - 3600e6), 600e6)
            self.assertEqual([event["signal"] for event in state["signals"]],
                             [signal.SIGTERM])
            # The page's own events are not counted by the program either.
            waiting = sum(not event["internal"] for entry in state["fds"]
                          for event in entry["waits"])
            self.assertEqual(waiting + 1 + 1, known["events"])
            self.assertEqual(state["stats"]["events"], known["events"])

    def test_buffers(self):
        with Program(PROGRAM) as program:
            known = program.report()
            program.tell("fill")
            # It waits for nothing, since its input is full.
            full = until(lambda: (entry := program.fd(known["paused"])) and
                         not entry["waits"] and entry, "a full input")
            self.assertEqual(full["buffers"]["input"], 100)
            self.assertEqual(full["read"], 100)
            program.tell("drain")
            again = until(lambda: (entry := program.fd(known["paused"])) and
                          entry["read"] == 200 and entry, "more input")
            self.assertEqual(again["buffers"]["input"], 100)

            program.tell("write")
            # Until the kernel takes no more.
            stuck = until(lambda: (entry := program.fd(known["stuck"])) and
                          "WRITE|PERSIST" in [event["what"] for event
                                              in entry["waits"]] and
                          entry, "a full socket")
            known = program.report()
            self.assertGreater(known["output"], 0)
            self.assertEqual(stuck["buffers"]["output"], known["output"])
            self.assertEqual(stuck["written"] + known["output"], 1 << 21)
            # Also what is added while nothing can be written.
            program.tell("write")
            until(lambda: program.fd(known["stuck"])["buffers"]["output"] ==
                  known["output"] + (1 << 21), "more output")

    def test_queues_and_turns(self):
        with Program(PROGRAM) as program:
            since = program.state()["next"]
            program.tell("queues")

            def with_callbacks():
                return [turn for turn in program.state(since=since)["turns"]
                        if turn["callbacks"] > 0]
            turns = until(lambda: (turns := with_callbacks()) and
                          len(turns) >= 4 and turns, "four turns")
            # The line is read at priority 1, whose queue stops for what is
            # more urgent.
            self.assertEqual([turn["queued"] for turn in turns[:4]],
                             [[0, 1], [1, 2, 3], [0, 2, 3], [0, 0, 3]])
            self.assertEqual([turn["callbacks"] for turn in turns[:4]],
                             [1, 1, 2, 3])
            names = [call["name"].split()[0]
                     for turn in turns[:4] for call in turn["calls"]]
            self.assertEqual(names, ["on_line"] + ["on_queued"] * 6)
            numbers = [turn["n"] for turn in turns]
            self.assertEqual(numbers, sorted(set(numbers)))

    def test_slowest(self):
        with Program(PROGRAM) as program:
            program.tell("slow")
            slowest = until(
                lambda: [entry for entry in program.state()["slowest"]
                         if "on_slow" in entry["name"]], "the slow callback")[0]
            self.assertGreaterEqual(slowest["longest_us"], 30000)
            self.assertEqual(slowest["calls"], 1)
            # The longest first, which may be another on a machine that stalls.
            took = [entry["longest_us"] for entry in program.state()["slowest"]]
            self.assertEqual(took, sorted(took, reverse=True))
            self.assertIn(slowest["longest_us"], took)
            turn, = [turn for turn in program.state()["turns"]
                     if turn["n"] == slowest["turn"]]
            self.assertGreaterEqual(turn["run_us"], slowest["longest_us"])
            self.assertEqual(turn["calls"][-1]["us"], slowest["longest_us"])

    def test_several_loops(self):
        with Program(PROGRAM) as program:
            self.assertEqual(program.bases(), [0])
            program.tell("other")
            other = program.report()["other"]
            self.assertEqual(program.bases(), [0, 1])
            # Each has its own events ...
            state = program.state(base=1)
            self.assertEqual([entry["fd"] for entry in state["fds"]], [other])
            self.assertIn("on_poke", state["fds"][0]["waits"][0]["name"])
            self.assertEqual([timer["name"].split()[0] for timer
                              in state["timers"]], ["on_daily"])
            self.assertEqual(state["signals"], [])
            first = program.state(base=0)
            self.assertNotIn(other, [entry["fd"] for entry in first["fds"]])
            self.assertEqual([timer["name"].split()[0] for timer
                              in first["timers"]], ["on_hourly"])
            # ... and turns.
            program.tell("poke")
            slowest, = until(lambda: program.state(base=1)["slowest"],
                             "a callback of the other loop")
            self.assertIn("on_poke", slowest["name"])
            self.assertEqual((slowest["fd"], slowest["calls"]), (other, 1))
            self.assertNotIn("on_poke", [
                entry["name"].split()[0] for entry in program.state()["slowest"]])

    def test_history_is_asked_for_in_pieces(self):
        with Program(PROGRAM) as program:
            for _ in range(20):
                program.tell("slow" if _ == 0 else "queues")
            whole = program.state()
            self.assertEqual(whole["first"] + len(whole["turns"]), whole["next"])
            half = program.state(since=whole["next"] - 3)
            self.assertEqual(half["first"], whole["next"] - 3)
            self.assertEqual(half["turns"][:3][0]["n"], whole["turns"][-3]["n"])
            self.assertEqual(program.state(since=10**9)["turns"], [])

    def test_it_is_read_only_and_silent(self):
        with Program(PROGRAM) as program:
            before = program.report()
            for _ in range(20):
                program.get("/")
                program.state()
            self.assertEqual(program.report(), before)
        # Nothing but the one line with the URL was written.
        self.assertEqual(program.rest[1], "")


class EnvironmentTest(unittest.TestCase):
    """EVOKE_SCOPE that cannot be obeyed: a warning, and the program runs."""

    def run_with(self, value):
        done = subprocess.run(
            [PROGRAM], input="quit\n", text=True, capture_output=True,
            env=dict(os.environ, EVOKE_SCOPE=value), timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, "done\n")
        return done.stderr

    def test_addresses(self):
        self.assertEqual(self.run_with(""), "")
        self.assertEqual(
            self.run_with("0.0.0.0:0"),
            "[warn] loopscope: 0.0.0.0:0: not a loopback address, and without "
            "\"public:\" in front\n")
        self.assertEqual(self.run_with("8080"),
                         "[warn] loopscope: 8080: Invalid argument\n")

    def test_port_in_use(self):
        with Program(PROGRAM) as program:
            port = program.url.split(":")[2].split("/")[0]
            self.assertEqual(
                self.run_with(f"127.0.0.1:{port}"),
                f"[warn] loopscope: 127.0.0.1:{port}: Address already in use\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
