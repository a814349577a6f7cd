#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares our headers and libraries with the table of libevent's ABI.

    abi_table_test.py TABLE INCLUDE LIBRARY...
"""

import subprocess
import sys
import unittest

TOOL = ["python3", "tools/abi_table.py"]

# What the table has and we have not.
ABSENT = {
    # TLS is not there yet.
    "macro\tEVENT__HAVE_OPENSSL\t1 int",
    "macro\tEVENT__HAVE_OPENSSL_SSL_H\t1 int",
}

# What we have of libevent 2.2; prototypes are in tests/include's care.
SINCE_2_2 = {
    ("enumerator", "EVENT_BASE_FLAG_USE_SIGNALFD"),
    ("function", "bufferevent_replacefd"),
    ("function", "evbuffer_get_max_read"),
    ("function", "evbuffer_set_max_read"),
    ("function", "event_base_get_signal_method"),
    ("function", "evthread_use_pthreads_with_flags"),
    ("function", "evutil_set_tcp_keepalive"),
    ("macro", "EVTHREAD_PTHREAD_PRIO_INHERIT"),
    ("macro", "LEV_OPT_BIND_IPV4_AND_IPV6"),
}


def make_table(libraries, *options):
    """The tool's lines."""
    for library in libraries:
        options += ("--library", library)
    return set(
        subprocess.run(
            TOOL + list(options),
            check=True,
            stdout=subprocess.PIPE,
            universal_newlines=True).stdout.splitlines())


class AbiTableTest(unittest.TestCase):
    maxDiff = None

    def test_the_table_is_what_libevent_is(self):
        theirs = [
            subprocess.run(
                ["gcc", "-print-file-name=" + name],
                check=True,
                stdout=subprocess.PIPE,
                universal_newlines=True).stdout.strip()
            for name in ["libevent_core.so", "libevent_pthreads.so"]
        ]
        self.assertGreater(len(TABLE), 800)
        self.assertEqual(make_table(theirs), TABLE)

    def test_headers_and_libraries_are_the_tables(self):
        ours = make_table(
            [lib for lib in LIBRARIES if "/libevent-" not in lib],
            "--include", INCLUDE)
        self.assertEqual(TABLE - ours, ABSENT)
        more = {tuple(line.split("\t")[:2]) for line in ours - TABLE}
        exports = {("export", name) for kind, name in SINCE_2_2
                   if kind == "function"}
        self.assertEqual(more, SINCE_2_2 | exports)

    def test_libevent_has_all_that_the_core_has(self):
        everything = make_table(
            [lib for lib in LIBRARIES if "/libevent-" in lib],
            "--include", INCLUDE)
        core = {line.replace("\tlibevent_core", "\tlibevent")
                for line in TABLE if line.startswith("export\t") and
                line.endswith("\tlibevent_core")}
        self.assertGreater(len(core), 200)
        self.assertEqual(core - everything, set())


if __name__ == "__main__":
    path, INCLUDE, *LIBRARIES = sys.argv[1:]
    del sys.argv[1:]
    with open(path, encoding="ascii") as file:
        TABLE = {
            line for line in file.read().splitlines()
            if not line.startswith("#")
        }
    unittest.main()
