# SPDX-License-Identifier: BSD-3-Clause
"""gdb commands that show what a program on evoke waits for.

    (gdb) source tools/gdb/evoke.py
    (gdb) evoke

The program is stopped, or it is a core file. Nothing of it is called and
nothing changed: everything is read from memory, by the names of the library's
own types, so the library must have its debug information (a build with -g).
docs/gdb.md shows a session. Needs gdb 12 or later.

evoke_objects.py knows what is in a base, evoke_memory.py how it is read.
"""

import os
import sys

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from evoke_memory import (  # noqa: E402
    BASE_FLAGS, BUFFEREVENT_OPTIONS, EVENT_BITS, EV_READ, EV_WRITE,
    LISTED_INSERTED, LISTED_INTERNAL, LISTED_TIMEOUT, SUSPEND_BITS, Clock,
    address, as_pointer, bits, code, evaluate, interval, live_bases,
    print_table)
from evoke_objects import (  # noqa: E402
    active, bufferevents, calls, deadline_us, event_of, filter_over, flags_of,
    implementation, is_bufferevent, kind, on_fds, on_signals, partner, subject,
    timers, to_be_flushed, underlying, waits_for, work_for)


# --- Showing a bufferevent ----------------------------------------------------

def fd_of(bev):
    while underlying(bev) is not None:
        bev = underlying(bev)
    fd = int(bev["ev_read"]["ev_fd"])
    return "fd %d" % fd if fd >= 0 else "no fd"


def print_direction(bev, clock, name, event, level, length, timeout):
    impl = implementation(bev)
    enabled = int(bev["enabled"]) & (EV_READ if name == "read" else EV_WRITE)
    words = ["%s: %s" % (name, "enabled" if enabled else "disabled")]
    paused = int(impl["%s_suspended" % name])
    if paused:
        words.append("paused by " + bits(paused, SUSPEND_BITS))
    words.append("%d bytes in the %s" % (
        int(length), "input" if name == "read" else "output"))
    words.append("watermarks %d and %s" % (
        int(level["low"]), int(level["high"]) or "none"))
    words.append("timeout " + interval(timeout))
    if flags_of(bev[event]) & LISTED_TIMEOUT:
        words[-1] += " (left: %s)" % clock.left(deadline_us(bev[event]))
    print("    " + ", ".join(words))


def print_bufferevent(bev, clock):
    impl = implementation(bev)
    title = "%#x  %s, %s" % (int(bev), kind(bev), fd_of(bev))
    for words, other in (("over", underlying(bev)), ("under", filter_over(bev)),
                         ("the other end is", partner(bev))):
        if other is not None:
            title += ", %s %#x" % (words, int(other))
    if int(impl["limit"]):
        title += ", rate-limited"
    options = int(impl["options"])
    if options:
        title += ", " + bits(options, BUFFEREVENT_OPTIONS)
    print("  " + title)
    print_direction(bev, clock, "read", "ev_read", bev["wm_read"],
                    bev["input"]["length_bytes"], bev["timeout_read"])
    print_direction(bev, clock, "write", "ev_write", bev["wm_write"],
                    bev["output"]["length_bytes"], bev["timeout_write"])
    over = filter_over(bev)
    if over is not None:
        print("    calls: the filter")
    else:
        print("    calls: read %s, write %s, event %s, arg %#x" % (
            code(bev["readcb"]), code(bev["writecb"]), code(bev["errorcb"]),
            int(bev["cbarg"])))
    due = [word for field, word in (("read_due", "read"),
                                    ("write_due", "write"),
                                    ("events_due", "event"))
           if int(impl[field])]
    if due:
        print("    due, from the loop: " + ", ".join(due))


# --- The commands -------------------------------------------------------------

def title(base):
    if not base["running"]:
        state = "does not run"
    elif int(base["running_event"]) != 0:
        state = "runs a callback"
    elif base["waiting"] or waits_in_some_thread(base):
        state = "waits for the kernel"
    else:
        state = "is at work"
    return "base %#x, which %s" % (address(base), state)


def counted(things, name):
    return "%d %s%s" % (len(things), name, "" if len(things) == 1 else "s")


def waits_in_some_thread(base):
    """A base without a lock has no need to note that it waits: then the frames
    tell, where its address was not optimised away."""
    selected = gdb.selected_thread()
    try:
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            frame = gdb.newest_frame()
            while frame is not None:
                if (frame.name() or "").endswith("WaitForReady"):
                    if int(frame.read_var("base")) == address(base):
                        return True
                frame = frame.older()
    except (gdb.error, ValueError):
        pass
    finally:
        if selected is not None:
            selected.switch()
    return False


def loop_thread(base):
    """Which of gdb's threads runs the loop, where the library knows."""
    number = int(base["loop_thread"])
    for thread in gdb.selected_inferior().threads():
        try:
            handle = int.from_bytes(thread.handle(), "little")
        except (gdb.error, AttributeError):
            continue
        if number != 0 and handle == number:
            return "thread %d of gdb's list" % thread.num
    return "%#x" % number if number else "not known"


def bases_of(argument):
    """The bases that a command is about."""
    if not argument:
        found = live_bases()
        if not found:
            print("There is no base.")
        return [base.dereference() for base in found]
    base = as_pointer(evaluate(argument), "event_base")
    if int(base) not in [int(live) for live in live_bases()]:
        raise gdb.GdbError("%#x is no base, or was freed" % int(base))
    return [base.dereference()]


class ShowCommand(gdb.Command):
    """A command that reads memory, which a crash may have spoilt."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_SYMBOL)

    def invoke(self, argument, from_tty):
        try:
            self.show(argument)
        except gdb.MemoryError as error:
            raise gdb.GdbError("the program's memory makes no sense: %s" %
                               error)


class EvokeCommand(gdb.Command):
    """What a program on evoke waits for.

evoke base [BASE]          backend, counts, flags, what runs
evoke events [BASE]        all events, and those that are to run
evoke timers [BASE]        deadlines, the first due first
evoke bufferevents [WHAT]  connections, their buffers and levels

BASE is any expression that gives one; without it all bases are shown, which
the library keeps a table of. WHAT may be a bufferevent, too."""

    def __init__(self):
        super().__init__("evoke", gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError("evoke: no command %s; `evoke' lists them" %
                               argument)
        print(self.__doc__)


class BaseCommand(ShowCommand):
    """Backend, counts and flags of a base, and what it does now.
evoke base [BASE]"""

    def __init__(self):
        super().__init__("evoke base")

    def show(self, argument):
        for base in bases_of(argument):
            print(title(base))
            print_table(list(self._rows(base)))

    @staticmethod
    def _rows(base):
        counts, clock, due = base["counts"], Clock(base), timers(base)
        clock.count_from([deadline_us(ev) for ev in due])
        yield "backend", base["backend"]["table"]["name"].string()
        yield "flags", bits(base["flags"], BASE_FLAGS)
        yield "counts", "%d wait, %d are to run, %d virtual; most at once: " \
            "%d, %d, %d" % tuple(int(counts[name]) for name in (
                "waiting", "active", "virtual_events",
                "max_added", "max_active", "max_virtual"))
        yield "timers", "%d%s" % (len(due), "; the first in %s%s" % (
            clock.left(deadline_us(due[0])), clock.note) if due else "")
        yield "priorities", "%d%s" % (
            int(base["active"]["priorities_"]), "; %d runs" %
            int(base["running_priority"])
            if base["running"] and int(base["running_priority"]) >= 0 and
            int(base["running_event"]) else "")
        yield "running", running(base)
        yield "to write", "%d" % len(list(to_be_flushed(base)))
        yield "signals", "by signalfd" if int(
            base["signals"]["signal_fd_"]["fd_"]) >= 0 else "by a handler"
        asked = [name for name in ("exit", "break", "continue")
                 if base["%s_requested" % name]]
        yield "asked to", ", ".join(asked) if asked else "nothing"
        yield "locks", "yes" if int(base["lock"]["handle_"]) else "none"
        if base["running"]:
            yield "thread", loop_thread(base)


def running(base):
    """The event whose callback runs; it may have been freed in it."""
    if int(base["running_event"]) == 0:
        return "no callback"
    ev = base["running_event"].dereference()
    try:
        if int(ev["ev_base"]) != address(base):
            return "%#x, which was freed" % address(ev)
        return "%#x, %s: %s" % (address(ev), subject(ev), calls(ev))
    except gdb.MemoryError:
        return "%#x, which was freed" % address(ev)


class EventsCommand(ShowCommand):
    """All events of a base: those that wait, and those that are to run.
evoke events [BASE]"""

    def __init__(self):
        super().__init__("evoke events")

    def show(self, argument):
        for base in bases_of(argument):
            clock, due = Clock(base), timers(base)
            clock.count_from([deadline_us(ev) for ev in due])
            waiting = list(on_fds(base)) + list(on_signals(base))
            waiting += [ev for ev in due
                        if not flags_of(ev) & LISTED_INSERTED]
            print("%s, has %s waiting%s" % (
                title(base), counted(waiting, "event"), clock.note))
            print_table([self._row(ev, clock) for ev in waiting])
            self._print_active(base)

    @staticmethod
    def _row(ev, clock):
        flags = flags_of(ev)
        left = "no limit"
        if flags & LISTED_TIMEOUT:
            left = clock.left(deadline_us(ev))
        return ("%#x" % address(ev), subject(ev),
                waits_for(ev), left,
                "priority %d" % int(ev["ev_evcallback"]["evcb_pri"]),
                "internal" if flags & LISTED_INTERNAL else "", calls(ev))

    @staticmethod
    def _print_active(base):
        rows = []
        for priority, callback in active(base):
            when = "next turn" if priority is None else "priority %d" % priority
            ev = event_of(callback)
            if ev is not None:
                rows.append(("%#x" % address(ev), when, subject(ev),
                             bits(ev["ev_res"], EVENT_BITS), calls(ev)))
            else:
                work = work_for(callback) or "%s, arg %#x [library]" % (
                    code(callback["evcb_cb_union"]["evcb_selfcb"]),
                    int(callback["evcb_arg"]))
                rows.append(("%#x" % address(callback), when, "", "", work))
        print(" to run, in this order:" if rows else " nothing is to run")
        print_table(rows)


class TimersCommand(ShowCommand):
    """Deadlines of a base, the first due first.
evoke timers [BASE]"""

    def __init__(self):
        super().__init__("evoke timers")

    def show(self, argument):
        for base in bases_of(argument):
            clock, due = Clock(base), timers(base)
            clock.count_from([deadline_us(ev) for ev in due])
            print("%s, has %s%s" % (title(base), counted(due, "timer"),
                                    clock.note))
            print_table([(clock.left(deadline_us(ev)), "%#x" % address(ev),
                          subject(ev), calls(ev)) for ev in due])


class BuffereventsCommand(ShowCommand):
    """Bufferevents of a base: what they hold, and what they wait for.
evoke bufferevents [BASE or BUFFEREVENT]

One that waits for nothing and has nothing to do is known to nobody but the
program: name it."""

    def __init__(self):
        super().__init__("evoke bufferevents")

    def show(self, argument):
        if argument:
            live = [int(base) for base in live_bases()]
            bev = as_pointer(evaluate(argument), "bufferevent")
            if int(bev) not in live and is_bufferevent(bev):
                print_bufferevent(bev, Clock(bev["ev_base"].dereference()))
                return
        for base in bases_of(argument):
            clock, found = Clock(base), bufferevents(base)
            clock.count_from([deadline_us(ev) for ev in timers(base)])
            print("%s, has %s%s" % (title(base), counted(found, "bufferevent"),
                                    clock.note))
            for bev in found:
                print_bufferevent(bev, clock)


for command in (EvokeCommand, BaseCommand, EventsCommand, TimersCommand,
                BuffereventsCommand):
    command()
