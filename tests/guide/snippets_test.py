#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A page of the guide runs as printed, and says the same in both languages.

    snippets_test.py PAGE

PAGE is the English one; PAGE without .md, plus .zh.md, the Chinese. README.md
beside this file has the rules of the mark-up. The page's commands run in one bash,
in a directory of their own that looks like the root of the tree.
"""

import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

PAGE = sys.argv[1]
ROOT = os.getcwd()  # the runfiles
LIMIT_S = 100
# What the page calls by a fixed port gets a free one.
PORT = "9988"

BLOCK = re.compile(r"(?:^<!-- (?P<mark>[^\n]*) -->\n)?"
                   r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.M | re.S)

# Stands for Bazel, which cannot run within itself: what the page asks to be built
# or run is among the test's data.
BAZELW = r"""#!/bin/bash
set -eu
root=%s
verb=$1
shift
targets=()
while [[ $# -gt 0 && $1 != -- ]]; do
  case $1 in
    -c) shift ;;
    //*) targets+=("$1") ;;
    *) echo "bazelw: what is $1?" >&2; exit 1 ;;
  esac
  shift
done
[[ $# == 0 ]] || shift
for target in "${targets[@]}"; do
  path=${target#//}
  path=${path/://}
  path=$root/${path#/}
  [[ -e $path ]] || { echo "bazelw: $target is no data of the test" >&2; exit 1; }
done
[[ $verb == build ]] && exit
[[ $verb == run ]] || { echo "bazelw: what is $verb?" >&2; exit 1; }
cd "$root"
exec "$path" "$@"
"""


def blocks(page):
    with open(page, encoding="utf-8") as text:
        return [(match["mark"], match["kind"], match["text"])
                for match in BLOCK.finditer(text.read())]


def chinese(page):
    return re.sub(r"\.md$", ".zh.md", page)


def matches(printed, expected):
    """`…` stands for any text within a line, alone in a line for any lines."""
    pattern = []
    for line in expected.splitlines(keepends=True):
        if line == "…\n":
            pattern.append(r"(?:.*\n)*?")
        else:
            pattern.append(".*?".join(
                re.escape(part) for part in line.split("…")))
    return re.fullmatch("".join(pattern), printed) is not None


def free_port():
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return str(some.getsockname()[1])


class SnippetsTest(unittest.TestCase):

    def test_both_languages_have_the_same_snippets(self):
        self.assertEqual(blocks(PAGE), blocks(chinese(PAGE)))

    def test_runs_as_printed(self):
        page = blocks(PAGE)
        port = free_port()
        outputs = {}  # number of the sh block -> what it should print
        with tempfile.TemporaryDirectory() as scratch:
            self.furnish(scratch)
            script = ["set -eu", "trap 'kill $(jobs -p) 2> /dev/null || true' EXIT"]
            number = 0
            for mark, kind, text in page:
                text = text.replace(PORT, port)
                if kind == "sh" and not (mark or "").startswith("not run"):
                    number += 1
                    script.append("{\n%s} > .printed.%d" % (text, number))
                elif mark == "output":
                    self.assertEqual(kind, "text")
                    outputs[number] = text
                elif (mark or "").startswith("file: "):
                    # Files are there when the commands below them run.
                    script.append("cat > %s <<'.END.'\n%s.END." % (
                        mark[len("file: "):], text))
                else:
                    self.assertIsNotNone(
                        mark, "a block that is neither run nor compared: "
                        "```%s\n%s" % (kind, text))
                    self.check_quote(mark, text)
            self.assertGreater(number, 0, "nothing to run on this page")
            self.run_script(scratch, "\n".join(script) + "\n")
            for number, expected in outputs.items():
                with open(os.path.join(scratch, ".printed.%d" % number),
                          encoding="utf-8") as file:
                    printed = file.read()
                self.assertTrue(
                    matches(printed, expected),
                    "--- printed:\n%s--- expected:\n%s" % (printed, expected))

    def check_quote(self, mark, text):
        """A quotation of a file must be in it, line for line."""
        if mark.startswith("not run"):
            return
        self.assertRegex(mark, r"^from: \S+$")
        with open(os.path.join(ROOT, mark[len("from: "):]),
                  encoding="utf-8") as source:
            whole = source.read()
        for part in text.split("…\n"):
            self.assertIn(part, whole, mark)

    def furnish(self, scratch):
        """Makes the scratch directory look like the tree."""
        for name in os.listdir(ROOT):
            if os.path.isdir(name):
                os.symlink(os.path.join(ROOT, name),
                           os.path.join(scratch, name))
        os.symlink(ROOT, os.path.join(scratch, "bazel-bin"))
        path = os.path.join(scratch, "bazelw")
        with open(path, "w", encoding="utf-8") as file:
            file.write(BAZELW % ROOT)
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def run_script(self, scratch, script):
        # A file, so that background jobs do not inherit it as their input.
        path = os.path.join(scratch, ".script")
        with open(path, "w", encoding="utf-8") as file:
            file.write(script)
        env = dict(os.environ, LC_ALL="C.UTF-8")
        result = subprocess.run(
            ["bash", "-x", ".script"], cwd=scratch, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=LIMIT_S)
        self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
