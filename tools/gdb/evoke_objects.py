# SPDX-License-Identifier: BSD-3-Clause
"""For evoke.py: what a base holds, and what a bufferevent is.

These functions follow the library's own structures, which are explained where
they are: event/event_base.h, event/interest_map.h, event/timer_heap.h,
event/common_timeout.h, event/active_queues.h, bufferevent/bufferevent.h.
"""

from evoke_memory import (
    EV_PERSIST, EV_SIGNAL, LISTED_INIT, LISTED_INTERNAL, WAITS_FOR_BITS,
    address, as_pointer, bits, code, follow, function_name, has_type,
    is_of_library, lookup_type, micros, signal_name)


# --- What a base holds --------------------------------------------------------

def flags_of(ev):
    return int(ev["ev_evcallback"]["evcb_flags"])


def deadline_us(ev):
    return micros(ev["ev_timeout"])


def callback_of(ev):
    return ev["ev_evcallback"]["evcb_cb_union"]["evcb_callback"]


def on_fds(base):
    interests = base["interests"]
    entries = interests["entries_"]
    for fd in range(int(interests["size_"])):
        first = entries[fd]["events"]
        if int(first) != 0:
            yield from follow(
                first, lambda ev: ev["ev_"]["ev_io"]["ev_io_next"]["le_next"])


def on_signals(base):
    heads = base["signals"]["events_"]
    low, high = heads.type.range()
    for number in range(low, high + 1):
        yield from follow(
            heads[number],
            lambda ev: ev["ev_"]["ev_signal"]["ev_signal_next"]["le_next"])


def timers(base):
    """All events with a deadline, the first due first. The placeholder that a
    queue of common timeouts has in the heap is left out for its events."""
    heap = base["timers"]
    found = []
    for i in range(int(heap["size_"])):
        ev = heap["slots_"][i]["timer"].dereference()
        if flags_of(ev) & LISTED_INTERNAL and int(callback_of(ev)) == 0:
            continue
        found.append(ev)
    common = base["common_timeouts"]
    for i in range(int(common["count_"])):
        queue = common["queues_"][i].dereference()
        found += follow(queue["events"]["first_"], lambda ev: ev[
            "ev_timeout_pos"]["ev_next_with_common_timeout"]["tqe_next"])
    return sorted(found, key=lambda ev: (deadline_us(ev), address(ev)))


def active(base):
    """(priority, event_callback) of all that is to run, in order; those that
    wait for the next turn have the priority None."""
    queues = base["active"]

    def step(callback):
        return callback["evcb_active_next"]["tqe_next"]
    for i in range(int(queues["priorities_"])):
        for callback in follow(queues["queues_"][i]["first_"], step):
            yield i, callback
    for callback in follow(queues["later_"]["first_"], step):
        yield None, callback


def to_be_flushed(base):
    """What a bufferevent puts on the list of those that want to write."""
    for item in follow(base["flush"]["items_"]["first_"],
                       lambda item: item["link"]["tqe_next"]):
        if int(item["flush"]) != 0:  # not the mark of a run that is under way
            yield item


def event_of(callback):
    """The event around an event_callback; None where that is the library's."""
    if not int(callback["evcb_flags"]) & LISTED_INIT:
        return None
    return as_pointer(address(callback), "event").dereference()


def subject(ev):
    """What an event is about: an fd, a signal, or neither."""
    if int(ev["ev_events"]) & EV_SIGNAL:
        return signal_name(int(ev["ev_fd"]))
    return "fd %d" % int(ev["ev_fd"]) if int(ev["ev_fd"]) >= 0 else "no fd"


def waits_for(ev):
    if not int(ev["ev_events"]) & ~EV_PERSIST:
        return "the time" + (", persist" if int(ev["ev_events"]) else "")
    return bits(ev["ev_events"], WAITS_FOR_BITS)


# Objects of the library that their own events have as an argument, and those
# events.
OWNERS = (
    ("bufferevent", ("ev_read", "ev_write")),
    ("evoke::OnceEvent", ("ev",)),
    ("evconnlistener", ("readable", "retry")),
)


def owner_of(ev):
    """(type, pointer, field) of the library's object that an event is part of;
    or None."""
    if not is_of_library(callback_of(ev)):
        return None
    for type_name, fields in OWNERS:
        if not has_type(type_name):
            continue
        owner = as_pointer(ev["ev_evcallback"]["evcb_arg"], type_name)
        for field in fields:
            if address(owner[field]) == address(ev):
                return type_name, owner, field
    return None


def calls(ev):
    """Whom an event calls, as people know it, and with what."""
    owner = owner_of(ev)
    if owner is None:
        note = " [library]" if is_of_library(callback_of(ev)) else ""
        return "%s, arg %#x%s" % (code(callback_of(ev)),
                                  int(ev["ev_evcallback"]["evcb_arg"]), note)
    type_name, pointer, field = owner
    if type_name == "bufferevent":
        words, callback = (("reading", "readcb") if field == "ev_read" else
                           ("writing", "writecb"))
        return "bufferevent %#x, %s: %s" % (int(pointer), words,
                                            code(pointer[callback]))
    what = "once" if field == "ev" else "listener %#x" % int(pointer)
    return "%s, arg %#x [%s]" % (code(pointer["callback"]),
                                 int(pointer["arg"]), what)


# --- What a bufferevent is ----------------------------------------------------

def is_bufferevent(pointer):
    """Whether it looks like one of the library's kinds."""
    try:
        name = pointer["be_ops"]["name"].string()
        return name.isidentifier() and int(pointer["input"]) != 0
    except (gdb.MemoryError, gdb.error, UnicodeDecodeError):
        return False


def implementation(bev):
    return as_pointer(int(bev), "evoke::BuffereventImpl")


def kind(bev):
    return bev["be_ops"]["name"].string()


def underlying(bev):
    """What lies under a filter; None under another kind."""
    if kind(bev) != "filter":
        return None
    return as_pointer(int(bev), "evoke::(anonymous namespace)::"
                      "FilterBufferevent")["underlying"]


def partner(bev):
    """The other end of a pair; None for another kind, or when it was freed."""
    if kind(bev) != "pair":
        return None
    other = as_pointer(int(bev), "evoke::(anonymous namespace)::"
                       "PairBufferevent")["partner"]
    return other if int(other) else None


def filter_over(bev):
    """The filter that lies over it, or None."""
    if int(bev["readcb"]) and function_name(
            bev["readcb"]) == "evoke::UnderlyingRead":
        return as_pointer(bev["cbarg"], "bufferevent")
    return None


def members_of_group(pointer):
    """Of a rate-limit group, whose timer is always in the base."""
    group = as_pointer(pointer, "bufferevent_rate_limit_group")
    for limit in follow(group["members"]["first_"],
                        lambda limit: limit["link"]["tqe_next"]):
        yield limit["bev"]


def named_by_events(base):
    """Bufferevents that an event of the base is for, pending or active."""
    events = list(on_fds(base)) + timers(base)
    events += [event_of(callback) for _, callback in active(base)]
    for ev in events:
        if ev is None or not is_of_library(callback_of(ev)):
            continue
        owner = owner_of(ev)
        argument = ev["ev_evcallback"]["evcb_arg"]
        name = function_name(callback_of(ev))
        if owner is not None and owner[0] == "bufferevent":
            yield owner[1]
        elif name == "evoke::OnRefill":
            yield argument
        elif name == "evoke::OnGroupRefill":
            yield from members_of_group(argument)


def work_for(callback):
    """What a callback of the library's will do for a bufferevent; or None."""
    pointer = callback["evcb_cb_union"]["evcb_selfcb"]
    if not is_of_library(pointer) or not has_type("evoke::SocketBufferevent"):
        return None
    socket = as_pointer(callback["evcb_arg"], "evoke::SocketBufferevent")
    for part, words in ((socket["impl"]["deferred"], "callbacks that are due"),
                        (socket["impl"]["finalizer"], "its end"),
                        (socket["written"], "what a write left to be done")):
        if address(part) == address(callback):
            return "bufferevent %#x, %s" % (int(callback["evcb_arg"]), words)
    return None


def named_by_queues(base):
    """Bufferevents with something to tell, or with output to be written."""
    for _, callback in active(base):
        if event_of(callback) is None and work_for(callback) is not None:
            yield callback["evcb_arg"]
    fields = lookup_type("evoke::SocketBufferevent").fields()
    offset = next(field.bitpos // 8 for field in fields
                  if field.name == "flush")
    for item in to_be_flushed(base):
        yield address(item) - offset


def bufferevents(base):
    """All that the base knows of, and what they are connected with. One that
    waits for nothing is in no list of the library."""
    found = {}

    def add(bev):
        if bev is None or int(bev) == 0 or int(bev) in found:
            return
        bev = as_pointer(bev, "bufferevent")
        if not is_bufferevent(bev):
            return
        found[int(bev)] = bev
        add(underlying(bev))
        add(partner(bev))
        add(filter_over(bev))
    if has_type("evoke::SocketBufferevent"):
        for bev in named_by_events(base):
            add(bev)
        for bev in named_by_queues(base):
            add(bev)
    return [found[key] for key in sorted(found)]
