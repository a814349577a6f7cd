#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# //bench:models from end to end, with servers of which one serves only some of
# its connections.
import json
import os
import subprocess
import tempfile
import unittest

import document

MODELS = "bench/models"
SERVER = os.path.abspath("tests/bench/plain_server")


def run(*flags):
    return subprocess.run([MODELS, *flags], capture_output=True, text=True,
                          timeout=240, check=False)


class ModelsTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.out = os.path.join(self.directory.name, "out")
        self.limited = os.path.join(self.directory.name, "limited")
        with open(self.limited, "w", encoding="utf-8") as script:
            script.write(f'#!/bin/sh\nexec {SERVER} --serve 15 "$@"\n')
        os.chmod(self.limited, 0o755)

    def quick(self, *flags):
        done = run("--quick", f"--out={self.out}", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.out, "results.json"),
                  encoding="utf-8") as file:
            return json.load(file), done

    def test_compares_models_and_servers_of_ones_own(self):
        made, done = self.quick("--models=thread_per_client",
                                f"--also=plain={SERVER},limited={self.limited}")
        self.assertEqual(document.violations(made, document.DOCUMENT), [])
        self.assertEqual(
            made["models"],
            [{"name": "thread_per_client", "family": "threads"},
             {"name": "plain", "family": "your own"},
             {"name": "limited", "family": "your own"}])
        # 2 rounds of 3 sizes, and each model in each.
        self.assertEqual(len(made["measurements"]), 2 * 3 * 3)
        for m in made["measurements"]:
            asked = m["connections"]
            served = min(asked, 15) if m["model"] == "limited" else asked
            self.assertEqual(m["opened"]["asked"], asked)
            self.assertEqual(m["opened"]["served"], served, m)
            self.assertEqual(m["opened"]["closed"], asked - served)
            self.assertEqual("few" in m, served > 10)
            self.assertNotIn("trouble", m)
            self.assertGreater(m["all"]["messages"], 0)
            self.assertGreater(m["all"]["cpu_us_per_message"], 0)
            self.assertEqual(m["open"]["messages"], 100)
            if m["model"] == "thread_per_client":
                # One accepts, one waits for signals; tsan has one as well.
                self.assertIn(m["threads"] - asked, (2, 3))
        # The rounds are interleaved, and another model begins in each.
        self.assertEqual(
            [m["model"] for m in made["measurements"] if m["connections"] == 1],
            ["thread_per_client", "plain", "limited",
             "plain", "limited", "thread_per_client"])
        self.assertIn("round 2 of 2, limited, 20 connections", done.stderr)
        with open(os.path.join(self.out, "results.md"),
                  encoding="utf-8") as file:
            self.assertIn("- `limited` at 20: serves 15 of 20, 5 closed",
                          file.read())

    def test_counts_system_calls(self):
        made, _ = self.quick("--models=thread_per_client")
        counted, = made["syscalls"]
        self.assertNotIn("trouble", counted)
        self.assertEqual(counted["messages"], 500)
        # One of each for each message; the first may have begun before.
        for call in ("recvfrom", "sendto"):
            self.assertGreaterEqual(counted["calls"][call], 490)
            self.assertLessEqual(counted["calls"][call], 520)

    def test_a_model_that_is_not_built_is_named(self):
        made, done = self.quick("--models=thread_per_client,on_ace")
        self.assertEqual([m["model"] for m in made["skipped"]], ["on_ace"])
        self.assertIn("left out: on_ace", done.stderr)

    def test_what_it_does_not_understand_it_refuses(self):
        for flag, words in (("--models=no_such", "no such model: no_such"),
                            ("--connections=many",
                             "not a number of connections: many"),
                            ("--also=plain", "not NAME=PATH: plain"),
                            ("--also=a=/no/such", "No such file")):
            done = run(f"--out={self.out}", flag)
            self.assertEqual(done.returncode, 1, flag)
            self.assertIn(words, done.stderr)

    def test_ends_its_server_when_it_is_ended(self):
        running = subprocess.Popen(
            [MODELS, f"--out={self.out}", f"--also=plain={SERVER}",
             "--models=thread_per_client", "--connections=1", "--syscalls=",
             "--seconds=1000"], stderr=subprocess.PIPE, text=True)
        self.addCleanup(running.stderr.close)
        running.stderr.readline()  # the first step begins
        children = f"/proc/{running.pid}/task/{running.pid}/children"
        server = ""
        while not server:
            with open(children, encoding="utf-8") as file:
                server = file.read().strip()
        while True:  # until it is the server and not yet a copy of ours
            with open(f"/proc/{server}/comm", encoding="utf-8") as file:
                if file.read().strip() == "thread_per_clie":
                    break
        running.terminate()
        self.assertEqual(running.wait(60), 128 + 15)
        while os.path.exists(f"/proc/{server}"):
            try:
                with open(f"/proc/{server}/stat", encoding="utf-8") as file:
                    if file.read().rsplit(") ")[1][0] == "Z":
                        break  # nobody may be there to reap it
            except OSError:
                break


if __name__ == "__main__":
    unittest.main()
