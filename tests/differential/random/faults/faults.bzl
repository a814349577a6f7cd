# SPDX-License-Identifier: BSD-3-Clause
#
# Faults to plant in the library, one at a time, each a line that a tired hand
# could have written. Every one of them must be found by the random programs.
#
#   name      of the fault
#   file      in which it is planted
#   old, new  the text that is replaced (there exactly once), and what by
#   breaks    what goes wrong then

FAULTS = [
    struct(
        name = "timer_order",
        file = "event/timer_heap.cc",
        old = "if (Before(slots_[child], slots_[least])) least = child;",
        new = "if (Before(slots_[least], slots_[child])) least = child;",
        breaks = "timers leave the heap in the wrong order",
    ),
    struct(
        name = "timer_earlier",
        file = "event/timer_heap.cc",
        old = "if (deadline_us >= slots_[position.slot].key_us) return;",
        new = "if (deadline_us != slots_[position.slot].key_us) return;",
        breaks = "a timer that is added again with an earlier deadline is late",
    ),
    struct(
        name = "common_order",
        file = "event/common_timeout.cc",
        old = "while (before != nullptr && DeadlineOf(*before) > deadline_us) {",
        new = "while (before != nullptr && DeadlineOf(*before) < deadline_us) {",
        breaks = "a queue of common timeouts is not in the order of deadlines",
    ),
    struct(
        name = "callback_limit",
        file = "event/loop.cc",
        old = "if (ran >= max_callbacks) break;",
        new = "if (ran > max_callbacks) break;",
        breaks = "one callback more than the limit runs between two waits",
    ),
    struct(
        name = "lower_priorities",
        file = "event/loop.cc",
        old = "if (ran != 0) break;",
        new = "if (ran < 0) break;",
        breaks = "lower priorities run before the kernel was asked again",
    ),
    struct(
        name = "loopcontinue",
        file = "event/loop.cc",
        old = "if (base->continue_requested) break;",
        new = "if (false) break;",
        breaks = "event_base_loopcontinue does nothing",
    ),
    struct(
        name = "timer_drift",
        file = "event/run_callback.cc",
        old = "(ev->ev_res & EV_TIMEOUT) ? DeadlineOf(*ev) : now_us, interval_us);",
        new = "now_us, interval_us);",
        breaks = "a persistent timer counts from now instead of its deadline",
    ),
    struct(
        name = "timer_catch_up",
        file = "event/run_callback.cc",
        old = "if (next_us < now_us) next_us = SaturatingAdd(now_us, interval_us);",
        new = "if (next_us < now_us) next_us = now_us + 1;",
        breaks = "a persistent timer that is far behind fires at once again",
    ),
    struct(
        name = "signal_deliveries",
        file = "event/schedule.cc",
        old = "*signal.ev_pncalls = 0;",
        new = "*signal.ev_pncalls += 0;",
        breaks = "deleting a signal event does not stop its remaining calls",
    ),
    struct(
        name = "once_persist",
        file = "event/once.cc",
        old = "if (events & (EV_SIGNAL | EV_PERSIST)) return -1;",
        new = "if (events & EV_SIGNAL) return -1;",
        breaks = "event_base_once takes EV_PERSIST",
    ),
    struct(
        name = "writers_count",
        file = "event/interest_map.cc",
        old = "if (events & EV_WRITE) {",
        new = "if (events & EV_READ) {",
        breaks = "interest in writing is not told to the kernel",
    ),
    struct(
        name = "signal_order",
        file = "event/signal_map.cc",
        old = "if (deliveries > SHRT_MAX) deliveries = SHRT_MAX;",
        new = "if (deliveries > 1) deliveries = 1;",
        breaks = "a signal that came twice is delivered once",
    ),
    struct(
        name = "closed_reported",
        file = "backends/epoll.cc",
        old = "if (events & EPOLLRDHUP) ready |= EV_CLOSED;",
        new = "if (events & EPOLLRDHUP) ready |= EV_READ;",
        breaks = "with epoll the peer's end is not told as EV_CLOSED",
    ),
    struct(
        name = "eol_run",
        file = "buffer/eol.cc",
        old = "*eol_bytes = LineBytesRun(buffer, *found);",
        new = "*eol_bytes = 1;",
        breaks = "EVBUFFER_EOL_ANY swallows one byte instead of a run",
    ),
    struct(
        name = "search_offset",
        file = "buffer/search.cc",
        old = "found->offset_bytes = at.offset_bytes + (found->in_chain - at.in_chain);",
        new = "found->offset_bytes = at.offset_bytes + found->in_chain;",
        breaks = "a search from within a chain finds the wrong position",
    ),
    struct(
        name = "pullup_all",
        file = "buffer/take.cc",
        old = "if (bytes == 0 || bytes > buffer->length_bytes) return nullptr;",
        new = "if (bytes == 0 || bytes >= buffer->length_bytes) return nullptr;",
        breaks = "a buffer cannot be linearised whole",
    ),
    struct(
        name = "remove_part",
        file = "buffer/move.cc",
        old = "chain->begin += part_bytes;",
        new = "chain->begin += 0;",
        breaks = "bytes that were moved stay in the source, others are lost",
    ),
    struct(
        name = "callback_disabled",
        file = "buffer/callbacks.cc",
        old = "if ((entry->flags & EVBUFFER_CB_ENABLED) == 0) return false;",
        new = "if ((entry->flags & EVBUFFER_CB_ENABLED) == 2) return false;",
        breaks = "a callback of a buffer that was switched off runs",
    ),
    struct(
        name = "read_watermark",
        file = "bufferevent/callbacks.cc",
        old = "(any_level || bev->input->length() >= bev->wm_read.low)) {",
        new = "(any_level || bev->input->length() > bev->wm_read.low)) {",
        breaks = "the read callback waits for one byte more than the low watermark",
    ),
    struct(
        name = "eof_reported",
        file = "bufferevent/socket.cc",
        old = "StopReading(bev, BEV_EVENT_EOF, errno);",
        new = "StopReading(bev, BEV_EVENT_ERROR, errno);",
        breaks = "the end of the stream is told as an error",
    ),
    struct(
        name = "timeout_reported",
        file = "bufferevent/socket.cc",
        old = "StopReading(bev, BEV_EVENT_TIMEOUT, errno);",
        new = "bufferevent_disable(bev, EV_READ);",
        breaks = "a read timeout is not told",
    ),
    struct(
        name = "deferred_connected",
        file = "bufferevent/callbacks.cc",
        old = "impl->events_due &= ~BEV_EVENT_CONNECTED;",
        new = "impl->events_due |= BEV_EVENT_CONNECTED;",
        breaks = "a deferred BEV_EVENT_CONNECTED is told twice",
    ),
]
