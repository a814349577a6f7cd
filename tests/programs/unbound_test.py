#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""unbound with four threads, asked by dig, before nsd: two name servers.

Both are daemons that give up root; nsd spreads its work over processes that it
forks, unbound over threads with a base each. dig's questions come by UDP, by
TCP and as transfers of a whole zone, and again after both were told to read
their files anew.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402

NAMES = 1000
DIGS = 6

NSD = """
server:
  ip-address: 127.0.0.1@{port}
  server-count: 2
  rrl-ratelimit: 0
  username: "{user}"
  database: ""
  zonesdir: "{directory}"
  zonelistfile: "{directory}/zone.list"
  xfrdfile: "{directory}/xfrd.state"
  xfrdir: "{directory}"
  pidfile: ""
  verbosity: 1
remote-control:
  control-enable: no
zone:
  name: "programs.test"
  zonefile: "zone"
  provide-xfr: 127.0.0.0/8 NOKEY
"""

UNBOUND = """
server:
  interface: 127.0.0.1@{port}
  outgoing-interface: {outgoing}
  num-threads: 4
  username: "{user}"
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  module-config: "iterator"
  do-not-query-localhost: no
  outgoing-range: 200
  incoming-num-tcp: 50
  extended-statistics: yes
  statistics-cumulative: yes
  local-zone: "test." nodefault
  local-zone: "here.test." static
  local-data: "a.here.test. A 192.0.2.99"
stub-zone:
  name: "programs.test"
  stub-addr: 127.0.0.1@{nsd_port}
remote-control:
  control-enable: yes
  control-use-cert: no
  control-interface: {directory}/control
"""

# Nothing that depends on the clock or on who was asked.
DIG = ["+nocmd", "+noall", "+answer", "+nottlid", "+time=20", "+tries=1"]


def zone():
    lines = ["$ORIGIN programs.test.", "$TTL 3600",
             "@ SOA ns root 1 3600 600 86400 600", "@ NS ns",
             "ns A 127.0.0.1"]
    for i in range(NAMES):
        lines.append("n%d A 192.0.2.%d" % (i, i % 250))
        lines.append("n%d AAAA 2001:db8::%x" % (i, i))
    for i in range(100):
        lines.append("c%d CNAME n%d" % (i, i * 7))
        # Larger than a datagram: the answer is cut short, dig asks by TCP.
        for j in range(20):
            lines.append('t%d TXT "%s"' % (i, ("text %d of %d " % (j, i)) * 15))
    return "\n".join(lines) + "\n"


class Servers:
    """nsd, and unbound which asks it."""

    def __init__(self, library):
        self.library = library
        self.user = "nobody" if os.geteuid() == 0 else ""
        # Where that user may write; not in the test's own directory, which
        # may lie in one that is root's alone.
        self.directory = tempfile.mkdtemp(prefix="programs-dns-")
        os.chmod(self.directory, 0o777)
        self.network = "127.0.%d" % (11 + harness.LIBRARIES.index(library))
        self.digs = 0
        self.write("zone", zone())
        self.daemons = []

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def start(self, name, arguments, template, ready, **values):
        for _ in range(5):
            port = harness.free_port((socket.SOCK_STREAM, socket.SOCK_DGRAM))
            path = self.write(name + ".conf", template.format(
                port=port, user=self.user, directory=self.directory, **values))
            daemon = harness.Daemon(self.library, [
                harness.require(name), "-d", "-c", path] + arguments)
            self.daemons.append(daemon)
            if daemon.wait_ready(lambda: ready in daemon.log()):
                self.library.check_process(daemon.pid)
                return daemon, port
        raise AssertionError("%s ended:\n%s" % (name, daemon.log()))

    def __enter__(self):
        self.nsd, self.nsd_port = self.start("nsd", [], NSD, "nsd started")
        self.unbound, self.port = self.start(
            "unbound", [], UNBOUND, "start of service", nsd_port=self.nsd_port,
            outgoing=self.network + ".254")
        return self

    def __exit__(self, *details):
        for daemon in self.daemons:
            daemon.__exit__(*details)
        shutil.rmtree(self.directory)

    def control(self, *arguments):
        return subprocess.run(
            [harness.require("unbound-control"), "-c",
             os.path.join(self.directory, "unbound.conf")] + list(arguments),
            env=self.library.environment(), check=True,
            stdout=subprocess.PIPE, timeout=harness.LIMIT_S).stdout.decode()

    def dig(self, *arguments, port=None):
        """A running dig: several ask at the same time.

        Two digs may get the same port for their datagrams, and then one of
        them the other's answer; so each has an address of its own.
        """
        self.digs += 1
        return subprocess.Popen(
            [harness.require("dig"), "-b", "%s.%d" % (self.network,
                                                     1 + self.digs % 250),
             "@127.0.0.1", "-p", str(port or self.port)] + DIG +
            list(arguments),
            env=self.library.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

    def answers(self, digs):
        outputs = []
        for dig in digs:
            output, _ = dig.communicate(timeout=harness.LIMIT_S)
            if dig.returncode != 0:
                raise AssertionError("dig on %s: %d\n%s" % (
                    self.library, dig.returncode, output.decode()))
            # The order of records of one name changes with each answer.
            outputs.append("\n".join(sorted(output.decode().split("\n"))))
        return outputs


class UnboundTest(harness.ProgramTest):

    def test_two_name_servers(self):
        results = harness.on_both(self.work)
        self.assert_same(results, "dig's answers and unbound's counters")

    def work(self, library):
        with Servers(library) as servers:
            if servers.user:
                self.check_users(servers)
            seen = self.ask(servers)
            statistics = self.statistics(servers)
            seen += self.read_anew(servers)
            for daemon in (servers.unbound, servers.nsd):
                self.assertEqual(daemon.stop(), 0)
        return seen + [statistics]

    def check_users(self, servers):

        nobody = pwd.getpwnam(servers.user).pw_uid
        for daemon in (servers.nsd, servers.unbound):
            with open("/proc/%d/status" % daemon.pid) as status:
                ids = re.search(r"Uid:\s+(\d+)\s+(\d+)", status.read())
            self.assertEqual({int(i) for i in ids.groups()}, {nobody})

    def ask(self, servers):
        """Each dig asks for its own names, so that who was first is no
        matter; the second round is answered from the cache."""
        seen = []
        for kind in ("A", "AAAA"):
            paths = [servers.write("%s%d" % (kind, part), "".join(
                "n%d.programs.test %s\n" % (i, kind)
                for i in range(part, NAMES, DIGS))) for part in range(DIGS)]
            for way in ("+notcp", "+tcp"):
                answers = servers.answers([
                    servers.dig(way, "+keepopen", "-f", path)
                    for path in paths])
                self.assertEqual(
                    sum(answer.count("programs.test.") for answer in answers),
                    NAMES)
                seen += answers
        mixed = servers.write("mixed", "".join(
            "c%d.programs.test A\nt%d.programs.test TXT\n"
            "a.here.test A\nmissing%d.programs.test A\n" % (i, i, i)
            for i in range(100)))
        answers = servers.answers([servers.dig("+comments", "-f", mixed)])
        answers[0] = re.sub(r", id: \d+|[^\n]*(COOKIE|EDNS)[^\n]*", "",
                            answers[0])
        self.assertEqual(answers[0].count("NXDOMAIN"), 100)
        self.assertEqual(answers[0].count('"text '), 2000)
        self.assertEqual(answers[0].count("192.0.2.99"), 100)
        seen += answers
        # The whole zone, as one long answer each.
        answers = servers.answers([
            servers.dig("programs.test", "AXFR", port=servers.nsd_port)
            for _ in range(10)])
        self.assertEqual(set(answers), {answers[0]})
        self.assertEqual(answers[0].count("AAAA"), NAMES)
        return seen + answers[:1]

    def statistics(self, servers):
        counters = dict(line.split("=") for line in
                        servers.control("stats_noreset").splitlines())
        names = [name for name in counters if re.fullmatch(
            r"total\.num\.(queries|cachehits|cachemiss|recursivereplies)|"
            r"num\.(query|answer)\.(type|class|opcode|rcode|tcp|ipv6).*", name)]
        self.assertEqual(int(counters["total.num.cachehits"]) +
                         int(counters["total.num.cachemiss"]),
                         int(counters["total.num.queries"]))
        self.assertGreater(int(counters["num.query.tcp"]), 2 * NAMES)
        return sorted((name, counters[name]) for name in names)

    def read_anew(self, servers):
        """unbound frees its bases and makes new ones; nsd forks anew."""
        seen = []
        for turn in range(3):
            with open(os.path.join(servers.directory, "zone"), "a") as file:
                file.write("new%d A 192.0.2.%d\n" % (turn, turn))
            servers.nsd.process.send_signal(signal.SIGHUP)
            harness.wait_until(
                lambda: "192.0.2.%d" % turn in servers.answers([servers.dig(
                    "new%d.programs.test" % turn, port=servers.nsd_port)])[0],
                "nsd's new zone")
            started = servers.unbound.log().count("start of service")
            if turn == 0:
                servers.unbound.process.send_signal(signal.SIGHUP)
            else:
                servers.control("reload")
            harness.wait_until(
                lambda: servers.unbound.log().count("start of service")
                > started, "unbound's new start")
            seen += servers.answers([
                servers.dig(way, "new%d.programs.test" % turn)
                for way in ("+notcp", "+tcp")])
            self.assertIn("192.0.2.%d" % turn, seen[-1])
            self.assertEqual(seen[-1], seen[-2])
        return seen


if __name__ == "__main__":
    unittest.main()
