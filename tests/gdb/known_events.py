# SPDX-License-Identifier: BSD-3-Clause
"""What gdb must tell about the program waits.c, however it was built: stopped
in a callback, stopped in the wait, and as a core file of each."""

import os
import re
import subprocess
import unittest

import gdb_session

SHOWN = ["evoke base", "evoke events", "evoke timers", "evoke bufferevents"]
NAMES = ("first", "second", "talker", "filtered", "filter", "pair[0]",
         "pair[1]", "lonely", "listener", "urgent", "reader")
PRINT_NAMES = ["print/x (long)" + name for name in NAMES]


def part(text, base):
    """The lines about one base."""
    lines = text.splitlines()
    begin = next((i for i, line in enumerate(lines)
                  if line.startswith("base %#x," % base)), None)
    if begin is None:
        raise AssertionError("nothing of base %#x in:\n%s" % (base, text))
    end = next((i for i in range(begin + 1, len(lines))
                if lines[i].startswith("base ")), len(lines))
    return lines[begin:end]


def row(lines, pattern):
    """The one line that has it, with single spaces."""
    found = [" ".join(line.split()) for line in lines
             if re.search(pattern, line)]
    if len(found) != 1:
        raise AssertionError("%d lines with %r in:\n%s" % (
            len(found), pattern, "\n".join(lines)))
    return found[0]


class KnownEvents(unittest.TestCase):
    """Subclasses say which program, with which arguments."""

    program = None
    arguments = ()
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.in_callback_core = os.path.join(gdb_session.SCRATCH,
                                            cls.__name__ + ".core")
        cls.in_wait_core = cls.in_callback_core + ".wait"
        cls.live = gdb_session.run(
            ["evoke", "break stop_here", "run"] + PRINT_NAMES + SHOWN + [
                "print stop_here", "evoke base second", "evoke base *first",
                "evoke base 16", "evoke base nothing", "evoke nonsense",
                "evoke bufferevents lonely", "evoke events first",
                "generate-core-file " + cls.in_callback_core],
            cls.program, arguments=cls.arguments)
        cls.waiting = gdb_session.run(
            # The second wait is the one that lasts.
            ["break stop_here", "run", "tbreak on_urgent", "continue",
             "break epoll_wait", "cont"] + SHOWN +
            ["generate-core-file " + cls.in_wait_core],
            cls.program, arguments=cls.arguments)
        cls.core = gdb_session.run(PRINT_NAMES + SHOWN, cls.program,
                                   core=cls.in_callback_core)
        cls.wait_core = gdb_session.run(SHOWN, cls.program,
                                        core=cls.in_wait_core)
        cls.at = {name: int(
            cls.live["print/x (long)" + name].split("= ")[1], 16)
            for name in NAMES}

    def part(self, printed, command, base="first"):
        return part(printed[command], self.at[base])

    def check_left(self, text, seconds):
        """That many, less what the test has taken since."""
        left = float(re.search(r"([\d.]+) s\b", text)[1])
        self.assertLessEqual(left, seconds)
        self.assertGreater(left, seconds - 55)

    # --- evoke base

    def test_base_in_a_callback(self):
        for printed in (self.live, self.core):
            lines = self.part(printed, "evoke base")
            self.assertIn("runs a callback", lines[0])
            self.assertEqual(row(lines, "backend"), "backend epoll")
            self.assertEqual(row(lines, "flags"), "flags nothing")
            self.assertRegex(row(lines, "^  counts"),
                             r"counts 12 wait, 2 are to run, 0 virtual; most "
                             r"at once: \d+, \d+, 0$")
            self.assertRegex(row(lines, "^  timers"),
                             r"timers 7; the first in [\d.]+ s")
            self.check_left(row(lines, "^  timers"), 60)
            self.assertEqual(row(lines, "priorities"),
                             "priorities 3; 1 runs")
            self.assertRegex(row(lines, "running"), r"running %#x, fd \d+: "
                             r"on_pipe \(waits.c:\d+\), arg 0x" %
                             self.at["reader"])
            self.assertEqual(row(lines, "to write"), "to write 1")
            self.assertEqual(row(lines, "signals"), "signals by a handler")
            self.assertEqual(row(lines, "asked to"), "asked to nothing")

    def test_base_that_does_not_run(self):
        for printed in (self.live, self.core):
            lines = self.part(printed, "evoke base", "second")
            self.assertIn("does not run", lines[0])
            self.assertEqual(row(lines, "flags"), "flags NO_CACHE_TIME")
            self.assertEqual(row(lines, "running"), "running no callback")
            self.assertEqual(row(lines, "timers"), "timers 0")
            self.assertEqual(row(lines, "priorities"), "priorities 1")

    def test_base_that_waits(self):
        for printed in (self.waiting, self.wait_core):
            lines = self.part(printed, "evoke base")
            self.assertIn("waits for the kernel", lines[0])
            self.assertEqual(row(lines, "running"), "running no callback")
            self.assertIn("12 wait, 0 are to run", row(lines, "^  counts"))

    def test_locks_and_their_thread(self):
        lines = self.part(self.live, "evoke base")
        if self.arguments:
            self.assertEqual(row(lines, "locks"), "locks yes")
            self.assertEqual(row(lines, "thread"),
                             "thread thread 1 of gdb's list")
        else:
            self.assertEqual(row(lines, "locks"), "locks none")
            self.assertEqual(row(lines, "thread"), "thread not known")

    def test_a_base_may_be_named(self):
        self.assertEqual(self.live["evoke base second"].splitlines(),
                         self.part(self.live, "evoke base", "second"))
        first = self.live["evoke base *first"]
        self.assertTrue(first.startswith("base %#x," % self.at["first"]))
        self.assertEqual(first.count("base 0x"), 1)

    def test_what_is_no_base_is_told(self):
        self.assertEqual(self.live["evoke base 16"],
                         "0x10 is no base, or was freed")
        self.assertIn('No symbol "nothing"', self.live["evoke base nothing"])
        self.assertIn("evoke: no command nonsense", self.live["evoke nonsense"])

    # --- evoke events

    def check_event(self, lines, calls, wanted):
        self.assertRegex(row(lines, calls), "^" + wanted + "$")

    def test_events_that_wait(self):
        for printed in (self.live, self.core, self.waiting):
            lines = self.part(printed, "evoke events")
            self.assertIn("has 11 events waiting", lines[0])
            waiting = [line for line in lines if re.match("  0x", line)][:11]
            time = r"[\d.]+ s"
            for calls, wanted in (
                    ("on_pipe", r"%#x fd \d+ read persist [\d.]+ s priority 1 "
                     r"on_pipe \(waits.c:\d+\), arg 0x\w+" %
                     self.at["reader"]),
                    ("on_event ", r"0x\w+ fd \d+ read edge no limit priority 1 "
                     r"on_event \(waits.c:\d+\), arg 0x0"),
                    ("OnPipeReadable", r"0x\w+ fd \d+ read persist no limit "
                     r"priority 0 internal evoke::SignalMap::OnPipeReadable "
                     r"\(signal_map.cc:\d+\), arg 0x\w+ \[library\]"),
                    ("on_accept", r"0x\w+ fd \d+ read persist no limit "
                     r"priority 1 on_accept \(waits.c:\d+\), arg 0x\w+ "
                     r"\[listener %#x\]" % self.at["listener"]),
                    ("on_signal", r"0x\w+ SIGUSR1 signal persist no limit "
                     r"priority 1 on_signal \(waits.c:\d+\), arg 0x0"),
                    ("on_common_timer", r"0x\w+ no fd the time " + time +
                     r" priority 1 on_common_timer \(waits.c:\d+\), arg 0x0"),
                    ("on_once", r"0x\w+ no fd the time " + time + r" priority "
                     r"1 on_once \(waits.c:\d+\), arg 0x0 \[once\]"),
                    ("OnGroupRefill", r"0x\w+ no fd the time, persist " + time +
                     r" priority 1 evoke::OnGroupRefill \(rate_limit_group.cc:"
                     r"\d+\), arg 0x\w+ \[library\]"),
                    ("%#x, reading" % self.at["talker"], r"0x\w+ fd \d+ read "
                     r"persist [\d.]+ s priority 1 bufferevent \w+, "
                     r"reading: on_read \(waits.c:\d+\)")):
                self.check_event(waiting, calls, wanted)

    def test_events_that_are_to_run_in_order(self):
        for printed in (self.live, self.core):
            lines = self.part(printed, "evoke events")
            begin = lines.index(" to run, in this order:")
            first, second = [" ".join(line.split())
                             for line in lines[begin + 1:]]
            self.assertRegex(first, r"0x\w+ priority 1 bufferevent %#x, "
                             "callbacks that are due" % self.at["talker"])
            self.assertRegex(second, r"%#x priority 2 no fd timeout on_urgent "
                             r"\(waits.c:\d+\), arg 0x0" % self.at["urgent"])
        lines = self.part(self.waiting, "evoke events")
        self.assertEqual(lines[-1], " nothing is to run")

    # --- evoke timers

    def check_timers(self, lines, after):
        wanted = [(60, "bufferevent %#x, reading" % self.at["talker"]),
                  (1000, "on_pipe"), (1800, "on_common_timer"),
                  (3600, "OnGroupRefill|on_once|%#x, reading" %
                   self.at["pair[1]"]),
                  (3600, "OnGroupRefill|on_once|%#x, reading" %
                   self.at["pair[1]"]),
                  (3600, "OnGroupRefill|on_once|%#x, reading" %
                   self.at["pair[1]"]),
                  (7200, "on_late_timer")]
        rows = lines[1:]
        self.assertEqual(len(rows), len(wanted), lines)
        for line, (seconds, calls) in zip(rows, wanted):
            self.assertRegex(line, calls)
            self.check_left(line, seconds - after)

    def test_timers_in_the_order_of_their_deadlines(self):
        for printed in (self.live, self.waiting, self.core):
            lines = self.part(printed, "evoke timers")
            self.assertIn("has 7 timers", lines[0])
            self.check_timers(lines, after=0)

    def test_a_core_file_counts_by_the_clock_of_the_turn(self):
        self.assertIn("by the clock of this turn",
                      self.part(self.core, "evoke timers")[0])

    def test_a_core_file_without_a_time_counts_from_the_first_deadline(self):
        lines = self.part(self.wait_core, "evoke timers")
        self.assertIn("the time is not known: counted from the first deadline",
                      lines[0])
        self.assertTrue(lines[1].startswith("  0.000 s "), lines[1])
        self.check_timers(lines, after=59.999)

    # --- evoke bufferevents

    def bufferevent(self, printed, name):
        lines = self.part(printed, "evoke bufferevents")
        begin = next(i for i, line in enumerate(lines)
                     if line.startswith("  %#x  " % self.at[name]))
        return [" ".join(line.split()) for line in lines[begin:begin + 5]]

    def test_bufferevent_of_a_socket(self):
        for printed in (self.live, self.core):
            title, read, write, calls, due = self.bufferevent(printed, "talker")
            self.assertRegex(title, r" socket, fd \d+, CLOSE_ON_FREE$")
            self.assertRegex(read, r"^read: enabled, 5 bytes in the input, "
                             r"watermarks 100 and 1000, timeout 60 s "
                             r"\(left: [\d.]+ s\)$")
            self.check_left(read.split("left: ")[1], 60)
            self.assertEqual(write, "write: enabled, 13 bytes in the output, "
                             "watermarks 10 and none, timeout none")
            self.assertRegex(calls, r"^calls: read on_read \(waits.c:\d+\), "
                             r"write on_written \(waits.c:\d+\), event "
                             r"on_bufferevent \(waits.c:\d+\), arg 0x\w+$")
            self.assertEqual(due, "due, from the loop: write")

    def test_bufferevent_under_a_filter(self):
        for printed in (self.live, self.core):
            title, read, _, calls = self.bufferevent(
                printed, "filtered")[:4]
            self.assertRegex(title, r" socket, fd \d+, under %#x, rate-limited$"
                             % self.at["filter"])
            self.assertTrue(read.startswith(
                "read: enabled, paused by its filter, 2 bytes in the input"))
            self.assertEqual(calls, "calls: the filter")
            title, read, _, calls = self.bufferevent(printed, "filter")[:4]
            self.assertRegex(title, r" filter, fd \d+, over %#x, "
                             "DEFER_CALLBACKS$" % self.at["filtered"])
            self.assertTrue(read.startswith(
                "read: enabled, paused by high watermark, 4 bytes in the "
                "input, watermarks 0 and 4"))
            self.assertIn("read on_read (waits.c:", calls)

    def test_bufferevents_of_a_pair(self):
        for printed in (self.live, self.core):
            for one, other in (("pair[0]", "pair[1]"), ("pair[1]", "pair[0]")):
                title, read, _, calls = self.bufferevent(printed, one)[:4]
                self.assertIn("pair, no fd, the other end is %#x" %
                              self.at[other], title)
                self.assertIn("disabled" if one == "pair[0]" else "enabled",
                              read)
                self.assertIn("calls: read none, write none, event none", calls)

    def test_bufferevent_that_nobody_knows_may_be_named(self):
        lines = self.part(self.live, "evoke bufferevents")
        self.assertIn("has 5 bufferevents", lines[0])
        self.assertNotIn("%#x" % self.at["lonely"], "\n".join(lines))
        named = self.live["evoke bufferevents lonely"].splitlines()
        self.assertEqual(named[0].split(),
                         ["%#x" % self.at["lonely"], "socket,", "no", "fd"])

    # --- evoke

    def test_help_names_the_commands(self):
        for name in SHOWN:
            self.assertIn(name, self.live["evoke"])

    def test_before_the_program_runs_there_is_no_base(self):
        printed = gdb_session.run(["evoke base"], self.program)["evoke base"]
        self.assertRegex(printed, "There is no base|no debug information")

    def test_without_debug_information_that_is_told(self):
        bare = os.path.join(gdb_session.SCRATCH, self.__class__.__name__)
        subprocess.run(["strip", "-g", "-o", bare, self.program], check=True)
        printed = gdb_session.run(SHOWN, bare)
        for command in SHOWN:
            self.assertIn("no debug information of evoke's is loaded",
                          printed[command])

    # --- what a crash leaves

    def spoilt(self, link):
        return gdb_session.run(
            ["break stop_here", "run", "set var reader->ev_.ev_io.ev_io_next."
             "le_next = (struct event *)" + link] + SHOWN, self.program)

    def test_a_list_that_ends_in_nowhere_is_told_and_the_rest_shown(self):
        printed = self.spoilt("16")["evoke events"]
        self.assertIn("a list ends in nowhere", printed)
        self.assertIn("on_late_timer", printed)

    def test_a_list_that_comes_back_is_told_and_the_rest_shown(self):
        printed = self.spoilt("reader")["evoke events"]
        self.assertIn("a list that comes back to", printed)
        self.assertIn("on_late_timer", printed)

    def test_an_object_that_is_nowhere_is_told(self):
        printed = gdb_session.run(
            ["break stop_here", "run", "set var reader->ev_evcallback.evcb_arg"
             " = 0", "set var talker->input = 16"] + SHOWN, self.program)
        self.assertIn("the program's memory makes no sense",
                      printed["evoke bufferevents"])
        self.assertIn("on_pipe", printed["evoke events"])
