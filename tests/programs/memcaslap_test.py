#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""memcaslap against memcached for a minute, both on the same library.

memcaslap, the load generator of libmemcached's tools, is itself a program of
libevent's. It and the memcached it loads count what they do; the two counts
must agree.
"""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from memcached_server import Memcached  # noqa: E402

RUN_S = 60
OPERATIONS = 300000
CONCURRENCY = 32


def run_load(library, server, *options):
    """What memcaslap said it did, by name, with its own seconds and "ops"."""
    command = [harness.require("memcaslap"), "-s", "127.0.0.1:%d" % server.port,
               "-T", "2", "-c", str(CONCURRENCY), "-v", "0.1"] + list(options)
    with harness.Daemon(library, command) as slap:
        harness.wait_until(
            lambda: library.mapped(slap.pid) or not slap.running(),
            "memcaslap to load its libraries")
        library.check_process(slap.pid)
        status = slap.process.wait(RUN_S + harness.LIMIT_S)
        log = slap.log()
    run = re.search(r"Run time: ([\d.]+)s Ops: (\d+)", log)
    if status != 0 or run is None:
        raise AssertionError("memcaslap on %s: status %s\n%s"
                             % (library, status, log))
    print("%s: %s, memcached's CPU %.2f s" % (library, run.group(0),
                                              server.cpu_s()), flush=True)
    said = {name: int(value) for name, value in
            re.findall(r"^(\w+): (\d+)$", log, re.M)}
    said["ops"] = int(run.group(2))
    return float(run.group(1)), said


class MemcaslapTest(harness.ProgramTest):

    def work(self, library, *options):
        with Memcached(library, "-m", "1024") as server:
            seconds, said = run_load(library, server, *options)
            counters = server.control.compared()
            self.assertEqual(server.stop(), 0)
        for trouble in ("get_misses", "verify_misses", "verify_failed"):
            self.assertEqual(said[trouble], 0, (library, trouble))
        self.assertEqual(said["cmd_get"] + said["cmd_set"], said["ops"])
        self.assertEqual(counters["get_hits"], counters["cmd_get"])
        self.assertEqual(counters["evictions"], "0")
        return seconds, said, counters

    def test_a_minute(self):
        results = harness.on_both(lambda library: self.work(
            library, "-t", "%ds" % RUN_S))
        for seconds, said, counters in results.values():
            self.assertGreaterEqual(seconds, RUN_S)
            # When the minute is over, each of the 32 may have one on its way.
            self.assertLessEqual(
                abs(int(counters["cmd_get"]) - said["cmd_get"]), CONCURRENCY)

    def test_a_number_of_operations(self):
        results = harness.on_both(
            lambda library: self.work(library, "-x", str(OPERATIONS))[1:])
        said, counters = results["evoke"]
        self.assertEqual(said["ops"], OPERATIONS)
        self.assertEqual(counters["cmd_get"], str(said["cmd_get"]))
        self.assertEqual(counters["cmd_set"], str(said["cmd_set"]))
        self.assert_same(results, "the counts of memcaslap and of memcached")


if __name__ == "__main__":
    unittest.main()
