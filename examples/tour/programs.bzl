# SPDX-License-Identifier: BSD-3-Clause
"""The programs of the tour, in the order in which one reads them."""

TOUR = [
    "01_loop",
    "02_events",
    "03_timers",
    "04_signals",
    "05_buffers",
    "06_search",
    "07_buffer_io",
    "08_bufferevents",
    "09_filters_and_pairs",
    "10_rate_limits",
    "11_listeners",
    "12_connecting",
    "13_threads",
    "14_util",
    "15_memory_and_logs",
    "16_old_style",
]

# Those that print something else on libevent, and with which status they end
# there: NAME.libevent.expected has it, and README.md says why.
DIFFERENT_ON_LIBEVENT = {
    "01_loop": 1,
    "14_util": 1,
}
