#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
#
# //bench:models_all drives every server of examples/models, each as it wants to
# be spoken to: none is missing, none fails, and what each costs is measured.
import json
import os
import subprocess
import tempfile
import unittest

import document

MODELS = "bench/models_all"
CONNECTIONS = 4


def processes_with(text):
    """Those that have it in their environment."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                if text.encode() in file.read():
                    found.append(pid)
        except OSError:
            pass  # it has ended, or is another user's
    return found


class AllModelsTest(unittest.TestCase):
    def test_all_are_driven(self):
        with tempfile.TemporaryDirectory() as out, \
                tempfile.TemporaryDirectory() as scratch:
            done = subprocess.run(
                [MODELS, f"--out={out}", f"--connections={CONNECTIONS}",
                 "--rounds=1", "--seconds=0.1", "--rate=500", "--active=2",
                 f"--syscalls={CONNECTIONS}", "--counted=200",
                 "--patience_seconds=60"],
                env=dict(os.environ, TMPDIR=scratch), capture_output=True,
                text=True, timeout=280, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            with open(os.path.join(out, "results.json"),
                      encoding="utf-8") as file:
                made = json.load(file)
            # Wine's directories are gone, and all that ran by them.
            self.assertEqual(os.listdir(scratch), [])
            self.assertEqual(processes_with(scratch), [])
        self.assertEqual(document.violations(made, document.DOCUMENT), [])
        self.assertEqual(made["skipped"], [])
        self.assertEqual({m["model"] for m in made["measurements"]},
                         self.servers())
        for m in made["measurements"]:
            self.assertEqual(m["opened"]["served"], CONNECTIONS, m)
            self.assertNotIn("trouble", m)
            for load in ("few", "all", "open"):
                self.assertGreater(m[load]["messages"], 0, m)
                self.assertEqual(m[load]["unanswered"], 0, m)
                self.assertGreater(m[load]["cpu_us_per_message"], 0, m)
        for counted in made["syscalls"]:
            self.assertNotIn("trouble", counted)
            self.assertEqual(counted["messages"], 200, counted)
        # What does not run as it would elsewhere is told.
        self.assertEqual({model["name"] for model in made["models"]
                          if "note" in model}, {"kqueue_loop", "iocp_echo"})

    def servers(self):
        """The programs of the folder that echo: all but those whose messages
        go one way."""
        names = {os.path.splitext(name)[0]
                 for name in os.listdir("examples/models")
                 if name.endswith((".c", ".cc"))}
        one_way = {name for name in names
                   if name.endswith(("_pubsub", "_pipeline"))}
        self.assertEqual(len(one_way), 4)
        # One source for two libraries.
        return names - one_way | {"on_evoke"}


if __name__ == "__main__":
    unittest.main()
