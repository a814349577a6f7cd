#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Processor time and peak memory of unmodified programs, on both libraries.

    ./bazelw run -c opt //:install -- --prefix DIR
    EVOKE_LIB=DIR/lib tests/programs/measure.py [ROUNDS] [WORK...]

Rounds take turns: Debian's libevent, evoke, Debian's libevent, ... Each is the
same work for a fresh process. For each program the table has the median and,
in brackets, the least and the most: user and system time of the process in
seconds, and the most memory it had resident (VmHWM) in MiB.

Besides the tests' packages it needs dnsperf.
"""

import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import redsocks_test  # noqa: E402
import tmux_test  # noqa: E402
import unbound_test  # noqa: E402
from memcached_server import Memcached  # noqa: E402

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def usage(library, pid):
    """(user s, system s, peak MiB) of a running process."""
    library.check_process(pid)
    with open("/proc/%d/stat" % pid) as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    with open("/proc/%d/status" % pid) as status:
        peak_kb = next(int(line.split()[1]) for line in status
                       if line.startswith("VmHWM"))
    return int(fields[11]) * TICK_S, int(fields[12]) * TICK_S, peak_kb / 1024


def run(command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                   env=harness.DEBIAN.environment())


def memcached(library):
    """memcached -t 4: 500,000 operations of memcaslap, 32 connections."""
    with Memcached(library, "-m", "1024") as server:
        run([harness.require("memcaslap"), "-s", "127.0.0.1:%d" % server.port,
             "-T", "2", "-c", "32", "-x", "500000"])
        return usage(library, server.pid)


def memcached_many(library):
    """memcached -t 4: 200,000 operations of memcaslap, 800 connections."""
    with Memcached(library, "-m", "1024") as server:
        run([harness.require("memcaslap"), "-s", "127.0.0.1:%d" % server.port,
             "-T", "2", "-c", "800", "-x", "200000"])
        return usage(library, server.pid)


def tmux(library):
    """tmux: 50 panes print 4,000 lines each at once."""
    script = ("tmux wait-for go; seq 1 4000; tmux wait-for -S done$0; exec cat")
    with tmux_test.Tmux(library, "measured") as server:
        server.run("new-session", "-d", "-s", "s", "-x", "400", "-y", "220",
                   "sh", "-c", script, "0")
        for number in range(1, 50):
            server.run("split-window", "-d", "-t", "s", "sh", "-c", script,
                       str(number))
            server.run("select-layout", "-t", "s", "tiled")
        done = [server.popen("wait-for", "done%d" % number)
                for number in range(50)]

        def all_done():
            server.run("wait-for", "-S", "go")
            return all(process.poll() == 0 for process in done)

        harness.wait_until(all_done, "the panes to print")
        return usage(library, server.pid)


def unbound(library):
    """unbound, 4 threads: 300,000 questions of dnsperf by UDP."""
    with unbound_test.Servers(library) as servers:
        path = servers.write("questions", "".join(
            "n%d.programs.test A\n" % i for i in range(unbound_test.NAMES)))
        run([harness.require("dnsperf"), "-s", "127.0.0.1", "-p",
             str(servers.port), "-d", path, "-n", "300", "-c", "20", "-q",
             "100"])
        return usage(library, servers.unbound.pid)


def unbound_tcp(library):
    """unbound, 4 threads: 200,000 questions of dnsperf by TCP."""
    with unbound_test.Servers(library) as servers:
        path = servers.write("questions", "".join(
            "n%d.programs.test A\n" % i for i in range(unbound_test.NAMES)))
        run([harness.require("dnsperf"), "-m", "tcp", "-s", "127.0.0.1", "-p",
             str(servers.port), "-d", path, "-n", "200", "-c", "20", "-q",
             "100"])
        return usage(library, servers.unbound.pid)


def redsocks(library):
    """redsocks, without splice: 2,000 answers of 0 to 1 MiB, by curl."""
    test = redsocks_test.RedsocksTest("test_downloads_and_uploads_by_curl")
    test.setUp()
    try:
        proxy = redsocks_test.Proxy(test.web.server_address,
                                    redsocks_test.http_connect)
        way = [("http-connect", proxy.port, "splice = off;")]
        with redsocks_test.Redsocks(library, way, None) as server:
            run([harness.require("curl"), "-sS", "--no-progress-meter",
                 "--fail", "--noproxy", "*", "--parallel", "--parallel-max",
                 "40", "-o", "/dev/null", "http://%s:%d/[0-1999]" % (
                     redsocks_test.ADDRESS, server.ports[0])])
            result = usage(library, server.pid)
        proxy.close()
        return result
    finally:
        test.doCleanups()


WORKS = {work.__name__: work for work in (
    memcached, memcached_many, tmux, unbound, unbound_tcp, redsocks)}


def shown(values, form):
    return (form + " (" + form + "-" + form + ")") % (
        statistics.median(values), min(values), max(values))


def main():
    arguments = sys.argv[1:]
    rounds = int(arguments.pop(0)) if arguments else 9
    for name in arguments or WORKS:
        work = WORKS[name]
        taken = {library.name: [] for library in harness.LIBRARIES}
        for number in range(rounds):
            for library in harness.LIBRARIES[::1 if number % 2 else -1]:
                taken[library.name].append(work(library))
        print("%s %d rounds." % (work.__doc__, rounds))
        for library, results in taken.items():
            user, system, peak = zip(*results)
            total = [u + s for u, s in zip(user, system)]
            print("  %-6s  CPU s %s  user %s  system %s  peak MiB %s" % (
                library, shown(total, "%.2f"), shown(user, "%.2f"),
                shown(system, "%.2f"), shown(peak, "%.1f")), flush=True)


if __name__ == "__main__":
    main()
