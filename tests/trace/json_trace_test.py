#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What EVOKE_TRACE writes, read by a reader that knows nothing of evoke."""

import collections
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest

SCRATCH = os.environ.get("TEST_TMPDIR") or tempfile.mkdtemp()


def environment(name, **more):
    path = os.path.join(SCRATCH, name)
    return path, dict(os.environ, EVOKE_TRACE=path, **more)


class Trace:
    """The slices and marks of a file, with what must hold of any trace."""

    def __init__(self, path):
        with open(path) as file:
            self.records = json.load(file)["traceEvents"]
        self.slices = collections.Counter()
        self.marks = collections.Counter()  # by name
        self.marks_of = collections.Counter()  # by name and object
        self.open_at_end = 0
        stacks, last = collections.defaultdict(list), {}
        for record in self.records:
            if record["ph"] == "M":
                continue
            thread = record["tid"]
            assert record["ts"] >= last.get(thread, 0), "time goes back"
            last[thread] = record["ts"]
            if record["ph"] == "B":
                stacks[thread].append(record)
                self.slices[record["cat"]] += 1
            elif record["ph"] == "E":
                stacks[thread].pop()  # fails when it is empty
            else:
                assert record["ph"] == "i", record
                self.marks[record["name"]] += 1
                self.marks_of[record["name"],
                              record["args"].get("object")] += 1
        self.open_at_end = sum(len(stack) for stack in stacks.values())

    def callbacks(self, pattern):
        return [record for record in self.records
                if record.get("cat") == "callback"
                and re.search(pattern, record["args"]["what"])]

    def bytes(self, name):
        return sum(record["args"]["bytes"] for record in self.records
                   if record.get("name") == name
                   and record["args"]["bytes"] > 0)


def run_traced(path_and_env, what):
    """What traced_program writes to its standard output and error."""
    return subprocess.run(["tests/trace/traced_program", what],
                          env=path_and_env[1], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=60)


class JsonTraceTest(unittest.TestCase):

    def test_a_timer_that_ticks(self):
        path, env = environment("timer.json")
        out = subprocess.run(["examples/timer"], env=env, check=True,
                             stdout=subprocess.PIPE, timeout=60).stdout
        ticks = len(re.findall(rb"^tick \d", out, re.M))
        trace = Trace(path)
        self.assertGreater(ticks, 2)
        self.assertEqual(len(trace.callbacks("TIMEOUT")), ticks + 1)
        self.assertGreaterEqual(trace.slices["turn"], ticks)
        self.assertGreaterEqual(trace.slices["wait"], ticks)
        self.assertEqual(trace.open_at_end, 0)
        # The one that ticks waits again after each; the other one fires once.
        self.assertEqual(trace.marks, {"add": ticks + 2, "del": ticks + 2})
        self.assertEqual(sorted(trace.marks_of.values()),
                         [1, 1, ticks + 1, ticks + 1])
        for record in trace.callbacks("TIMEOUT"):
            self.assertGreaterEqual(record["args"]["late_us"], 0)
            self.assertEqual(record["args"]["fd"], -1)
        functions = {record["args"]["function"] for record in trace.records
                     if record.get("name") == "evoke_function"}
        for record in trace.callbacks("TIMEOUT"):
            self.assertIn(record["args"]["function"], functions)

    def echo_server(self, name, **more):
        path, env = environment(name, **more)
        server = subprocess.Popen(
            ["examples/echo_server", "--port=0", "--verbose"], env=env,
            stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.stderr.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        port = server.stderr.readline().split()[1]
        client = subprocess.run(["examples/connect", "--port=" + port],
                                check=True, stdout=subprocess.PIPE, timeout=60)
        return path, server, client.stdout

    def test_a_server(self):
        path, server, said = self.echo_server("server.json")
        server.send_signal(signal.SIGTERM)
        self.assertEqual(server.wait(60), 0)
        trace = Trace(path)
        self.assertEqual(trace.open_at_end, 0)
        self.assertEqual(trace.bytes("read"), trace.bytes("write"))
        self.assertGreaterEqual(trace.bytes("read"), len(said))
        sources = {record["args"]["source"] for record in trace.records
                   if record.get("cat") == "callback"}
        self.assertLessEqual({"event", "listener", "bufferevent read"}, sources)

    def test_names_from_debug_information(self):
        path, server, _ = self.echo_server("named.json")
        server.send_signal(signal.SIGTERM)
        server.wait(60)
        out = os.path.join(SCRATCH, "names.json")
        subprocess.run(["tools/symbolize", path, out], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        names = {record["name"] for record in Trace(out).records
                 if record.get("cat") == "callback"}
        # One of the program, and one of the library.
        self.assertIn("on_accept", names)
        self.assertTrue(any("ReadReady" in name for name in names), names)

    def waits_after_its_client(self, path):
        """Whether the client's end was handled, and the loop waits again."""
        try:
            trace = Trace(path)
        except ValueError:  # read in the middle of a write
            return False
        ended = any(record["args"]["source"] == "bufferevent event"
                    for record in trace.records
                    if record.get("cat") == "callback")
        return ended and trace.open_at_end == 2

    def test_a_server_that_is_killed(self):
        path, server, _ = self.echo_server("killed.json")
        deadline = time.monotonic() + 60
        while not self.waits_after_its_client(path):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        server.kill()
        server.wait(60)
        trace = Trace(path)
        # It was waiting, in a turn.
        self.assertEqual(trace.open_at_end, 2)

    def check_that_the_first_goes_on(self, what):
        traced = environment(what + ".json")
        warning = run_traced(traced, what).stderr
        self.assertIn("another process writes it", warning)
        self.assertIn("%p", warning)
        trace = Trace(traced[0])
        self.assertEqual({record["tid"] for record in trace.records}, {1})
        self.assertEqual(len(trace.callbacks("TIMEOUT")), 2 * 200)
        self.assertEqual(trace.open_at_end, 0)

    def test_a_child_with_a_base_of_its_own(self):
        self.check_that_the_first_goes_on("fork")

    def test_a_program_that_it_starts(self):
        self.check_that_the_first_goes_on("spawn")

    def test_each_process_has_its_file(self):
        traced = environment("each.%p.json")
        self.assertEqual(run_traced(traced, "fork").stderr, "")
        files = [file for file in os.listdir(SCRATCH)
                 if re.fullmatch(r"each\.\d+\.json", file)]
        self.assertEqual(
            sorted(len(Trace(os.path.join(SCRATCH, file)).callbacks("TIMEOUT"))
                   for file in files), [200, 2 * 200])

    def check_that_all_ends(self, what, categories):
        traced = environment(what + ".json")
        self.assertEqual(run_traced(traced, what).stdout, "stop 0\n")
        trace = Trace(traced[0])
        self.assertEqual(trace.open_at_end, 0)
        phases = [record["ph"] for record in trace.records]
        self.assertEqual(phases.count("B"), phases.count("E"))
        # Behind the last begin as many ends as were open, of one moment.
        last = len(phases) - 1 - phases[::-1].index("B")
        self.assertEqual(trace.records[last]["cat"], categories[-1])
        ends = [record for record in trace.records[last:] if record["ph"] == "E"]
        self.assertEqual(len(ends), len(categories))
        self.assertEqual(len({record["ts"] for record in ends}), 1)

    def test_a_trace_that_ends_in_a_callback(self):
        self.check_that_all_ends("stop-in-callback",
                                 ["turn", "callback", "callback"])

    def test_a_trace_that_ends_in_a_wait(self):
        self.check_that_all_ends("stop-in-wait", ["turn", "wait"])

    def test_what_is_added_deleted_and_woken(self):
        traced = environment("count.json")
        said = run_traced(traced, "count").stdout
        events = dict(line.split() for line in said.splitlines())
        trace = Trace(traced[0])
        # Deleting what does not wait is nothing, nor is waking what was not
        # added; a persistent event that reads waits on.
        for name, adds in {"fires": 1, "deleted": 1, "reads": 1,
                           "woken": 0}.items():
            for mark in "add", "del":
                self.assertEqual(trace.marks_of[mark, events[name]], adds,
                                 (mark, name))
        self.assertEqual(trace.marks["wake"], 3)
        self.assertEqual(collections.Counter(
            record["args"]["object"] for record in trace.records
            if record.get("cat") == "callback"
            and record["args"]["object"] in events.values()),
            {events["fires"]: 1, events["reads"]: 2, events["woken"]: 3})

    def test_a_slow_callback(self):
        traced = environment("slow.json", EVOKE_SLOW_MS="20")
        done = run_traced(traced, "hold-the-loop")
        fd, stacks, _ = done.stdout.split()
        lines = done.stderr.splitlines()
        name = r"hold_the_loop \(traced_program\+0x[0-9a-f]+\)"
        told = re.fullmatch(
            r"\[warn\] slow callback: " + name +
            r" held the loop for (\d+\.\d) ms \(READ, fd (\d+)\)", lines[0])
        self.assertTrue(told, lines)
        self.assertGreaterEqual(float(told[1]), 60)
        self.assertEqual(told[2], fd)
        # Where it was after 20 of them: in that function, called by the loop.
        stack = lines[1:]
        if stacks == "without":
            self.assertEqual(stack, [])
            return
        for number, line in enumerate(stack):
            self.assertRegex(line, r"^\[warn\]   #%d \S.*\+0x" % number)
        held = [i for i, line in enumerate(stack)
                if re.search(r"#\d+ " + name + "$", line)]
        self.assertEqual(len(held), 1, stack)
        called = [i for i, line in enumerate(stack)
                  if re.search(r"#\d+ main \(", line)]
        self.assertEqual(len(called), 1, stack)
        self.assertLess(held[0], called[0])

    def test_the_size_is_bounded(self):
        traced = environment("small.json", EVOKE_TRACE_MB="1")
        log = run_traced(traced, "add-and-delete").stderr
        self.assertEqual(log.count("small.json is full"), 1, log)
        size = os.path.getsize(traced[0])
        self.assertLessEqual(size, 1 << 20)
        self.assertGreater(size, (1 << 20) - 2048)
        trace = Trace(traced[0])
        # Whole up to where it stops, which is long before the program does.
        self.assertGreater(trace.marks["add"], 1000)
        self.assertLess(trace.marks["add"], 20000 // 2)
        self.assertIn(trace.marks["add"] - trace.marks["del"], (0, 1))

    def test_a_size_that_is_none_is_told(self):
        path, env = environment("nonsense.json", EVOKE_TRACE_MB="nonsense")
        done = subprocess.run(["examples/timer"], env=env, check=True,
                              stdout=subprocess.DEVNULL, timeout=60,
                              stderr=subprocess.PIPE, text=True)
        self.assertIn("EVOKE_TRACE_MB", done.stderr)
        self.assertEqual(Trace(path).open_at_end, 0)

    def test_a_file_that_cannot_be_made(self):
        env = dict(os.environ, EVOKE_TRACE="/nowhere/trace")
        done = subprocess.run(["examples/timer"], env=env, check=True,
                              stdout=subprocess.DEVNULL, timeout=60,
                              stderr=subprocess.PIPE, text=True)
        self.assertIn("/nowhere/trace", done.stderr)


if __name__ == "__main__":
    unittest.main()
