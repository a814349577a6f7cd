# SPDX-License-Identifier: BSD-3-Clause
"""For evoke.py: reading a program's memory by the names of the library's types,
the time, and names that people know."""

import signal
import time

import gdb

# Public constants, which are libevent's and never change: macros, which debug
# information leaves out as a rule.
EVENT_BITS = ((0x01, "timeout"), (0x02, "read"), (0x04, "write"),
              (0x08, "signal"), (0x80, "closed"), (0x10, "persist"),
              (0x20, "edge"))
WAITS_FOR_BITS = EVENT_BITS[1:]
EV_READ, EV_WRITE, EV_SIGNAL, EV_PERSIST = 0x02, 0x04, 0x08, 0x10
BASE_FLAGS = ((0x01, "NOLOCK"), (0x02, "IGNORE_ENV"), (0x04, "STARTUP_IOCP"),
              (0x08, "NO_CACHE_TIME"), (0x10, "EPOLL_USE_CHANGELIST"),
              (0x20, "PRECISE_TIMER"), (0x80, "USE_SIGNALFD"))
BUFFEREVENT_OPTIONS = ((0x1, "CLOSE_ON_FREE"), (0x2, "THREADSAFE"),
                       (0x4, "DEFER_CALLBACKS"), (0x8, "UNLOCK_CALLBACKS"))
SUSPEND_BITS = ((1, "high watermark"), (2, "rate limit"),
                (4, "rate limit of its group"), (8, "name lookup"),
                (16, "its filter"))
LISTED_TIMEOUT, LISTED_INSERTED = 0x01, 0x02
LISTED_INTERNAL, LISTED_INIT = 0x10, 0x80
MICROSECONDS_MASK = 0x000fffff  # above: the mark of a common timeout

NO_DEBUG_INFORMATION = (
    "no debug information of evoke's is loaded: the program is not there yet, "
    "does not use evoke, or the library was built without -g")


# --- Reading memory -----------------------------------------------------------

def lookup_type(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error:
        raise gdb.GdbError(NO_DEBUG_INFORMATION)


def has_type(name):
    """A static program lacks the types of what it does not use."""
    try:
        return gdb.lookup_type(name) is not None
    except gdb.error:
        return False


def as_pointer(value, type_name):
    return gdb.Value(int(value)).cast(lookup_type(type_name).pointer())


def follow(first, step):
    """What a linked list holds, as references. Memory that makes no sense,
    as a crash may leave it, ends the list and is told."""
    seen = set()
    pointer = first
    try:
        while int(pointer) != 0:
            if int(pointer) in seen:
                print("  (a list that comes back to %#x)" % int(pointer))
                return
            seen.add(int(pointer))
            element = pointer.dereference()
            element.fetch_lazy()
            yield element
            pointer = step(element)
    except gdb.MemoryError as error:
        print("  (a list ends in nowhere: %s)" % error)


def address(value):
    return int(value.address)


def live_bases():
    """Pointers to all bases, from the library's own table of them; from several
    tables, where the program has several copies of the library."""
    tables = gdb.lookup_static_symbols(
        "evoke::(anonymous namespace)::g_table")
    if not tables:
        raise gdb.GdbError(NO_DEBUG_INFORMATION)
    found = []
    for symbol in tables:
        try:
            table = symbol.value().dereference()
            slots = [int(table["slots"][i])
                     for i in range(int(table["mask"]) + 1)]
        except gdb.MemoryError:
            continue  # not loaded yet
        found += [slot for slot in slots if slot > 1 and slot not in found]
    return [as_pointer(slot, "event_base") for slot in sorted(found)]


def evaluate(expression):
    """The address that an expression of the user's gives."""
    try:
        value = gdb.parse_and_eval(expression)
        if value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
            value = value.address
        return int(value)
    except gdb.error as error:
        raise gdb.GdbError(str(error))


# --- Time ---------------------------------------------------------------------

class Clock:
    """What time it is for a base, in microseconds of CLOCK_MONOTONIC.

    A program that runs on this machine has this machine's clock. A core file
    has none: but if it stopped in a callback, the base mostly has the time of
    the turn.
    """

    def __init__(self, base):
        connection = gdb.selected_inferior().connection
        cached_us = int(base["cached_time_us"])
        if connection is not None and connection.type == "native":
            self.now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            self.note = ""
        elif cached_us != 0:
            self.now_us = cached_us
            self.note = " (by the clock of this turn)"
        else:
            self.now_us = None
            self.note = ""
        self._first_us = None

    def count_from(self, deadlines):
        """Without a clock: what times are counted from."""
        if self.now_us is None and deadlines:
            self._first_us = min(deadlines)
            self.note = (" (the time is not known: counted from the first "
                         "deadline)")

    def left(self, deadline_us):
        """Until a deadline, as text."""
        from_us = self._first_us if self.now_us is None else self.now_us
        if from_us is None:
            return "?"
        left_us = deadline_us - from_us
        if left_us < 0:
            return "%.3f s late" % (-left_us / 1e6)
        return "%.3f s" % (left_us / 1e6)


def micros(timeval):
    return (int(timeval["tv_sec"]) * 1000000 +
            (int(timeval["tv_usec"]) & MICROSECONDS_MASK))


def interval(timeval):
    return "%g s" % (micros(timeval) / 1e6) if micros(timeval) else "none"


# --- Names --------------------------------------------------------------------

def bits(value, names):
    value = int(value)
    words = [name for bit, name in names if value & bit]
    return " ".join(words) if words else "nothing"


def function_at(pointer):
    """The function that begins there, not one that was put into it; or None."""
    try:
        block = gdb.block_for_pc(int(pointer))
    except (gdb.error, RuntimeError):
        return None
    function = None
    while block is not None and not block.is_static and not block.is_global:
        if block.function is not None:
            function = block.function
        block = block.superblock
    return function


def function_name(pointer):
    """The bare name of a function, without what C++ puts around it; or None."""
    function = function_at(pointer)
    if function is not None:
        name = function.name
    else:
        name = gdb.execute("info symbol %#x" % int(pointer), to_string=True)
        if name.startswith("No symbol"):
            return None
        name = name.split(" in section ")[0]
    return name.replace("(anonymous namespace)::", "").split("(")[0].strip()


def code(pointer):
    """A function as people write it: name, and where it is."""
    if int(pointer) == 0:
        return "none"
    name = function_name(pointer)
    if name is None:
        return "%#x" % int(pointer)
    function = function_at(pointer)
    if function is None:
        return name
    return "%s (%s:%d)" % (name, function.symtab.filename.rsplit("/", 1)[-1],
                           function.line)


def is_of_library(pointer):
    name = function_name(pointer) if int(pointer) else None
    return name is not None and name.startswith("evoke::")


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal %d" % number


def print_table(rows, indent="  "):
    """Rows of texts, in columns; the last one is as long as it likes."""
    if not rows:
        return
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        print((indent + "  ".join(cells + [row[-1]])).rstrip())
