#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The exercises of docs/guide/bugs: each fault can be put in, shows itself, is found
in the way of the solution, and is gone when it is taken out. All by the commands
that the pages print.

    bugs_test.py README

README is that of the exercises; the tree is found from where it really is.
"""

import filecmp
import glob
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import library  # noqa: E402
import page  # noqa: E402
import targets  # noqa: E402

README = os.path.realpath(sys.argv[1])
BUGS = os.path.dirname(README)
TREE = os.path.dirname(os.path.dirname(os.path.dirname(BUGS)))
LIMIT_S = 120
EXERCISES = sorted(os.path.basename(os.path.dirname(path)) for path in
                   glob.glob(os.path.join(BUGS, "*", "fault.patch")))

# What each command that runs ./reproduce, in the hints and in the solution, must
# print for their words to be true.
SHOWN = {
    "01-restless-timer": [
        # strace -c: calls of poll, thousands; on a busy machine still more than
        # the one or two for each of 200 ticks that a sound library makes.
        r"(?m)^ *[\d.]+ +[\d.]+ +\d+ +([5-9]\d\d|\d{4,}) +poll$",
    ],
    "02-silent-descriptor": [
        r"EPOLL_CTL_ADD, 4,.*\nclose\(4\) += 0\n(?!.*EPOLL_CTL_ADD)",
        r"EPOLL_CTL_ADD, 4,.*\nclose\(4\) += 0\npipe2?\(\[4, .*\n"
        r"(?!.*EPOLL_CTL_ADD)",
    ],
    "04-false-friend": 2 * [
        r"read\(.*ECONNREFUSED.*\n(?:.*\n)*?getsockopt\(.*SO_ERROR, \[0\]",
    ],
    "05-full-house": [
        # The pause; then turns with the same callback and nothing else but the
        # program's watcher.
        r"(?s)\bdel: .*(turn \d+\n  callback \(watcher\)\n  wait: at most \d+ us"
        r"\n    1 ready\n  callback \(event\): fd \d+, READ\n){4}",
    ],
    "06-crash-of-many": [
        r"33 clients are there again\n$",
        r"34 clients have sent a byte\n(?!34)",
    ],
    "07-deaf-parent": 2 * [
        r"\[pid +\d+\] epoll_ctl\(3, EPOLL_CTL_DEL, ",
    ],
    "08-late-reply": [
        # It waits for two seconds, without `wake`; `write` comes a turn later.
        r"read: .*\n(?:.*\n)*? +\d+ +wait: no limit\n +[2-9]\d{6} +1 ready\n"
        r"(?:(?!.* wake).*\n)*? +\d+  turn \d+\n +\d+ +write: ",
    ],
    "09-lost-memory": [
        r"definitely lost in loss record(?:.*\n)+?.*: evbuffer_new .*\n"
        r".*MakeBuffers",
    ],
    "10-two-pumps": [
        r"(?s)(BufferGuard::.*evbuffer_remove_buffer.*){2}",
    ],
}

# There is no Bazel in a test: this script stands for it.
BAZELW = """#!/bin/sh
case $* in
  "run //:install -- --prefix "*) ;;
  *) echo "unknown to the test: bazelw $*" >&2; exit 9 ;;
esac
exec %s "$PWD" "$PWD/objects" "$5" %s
"""

# Where there is no git, either.
GIT = """#!/bin/sh
[ "$1" = apply ] || exit 9
shift
case $1 in
  -R) exec patch -p1 --force -R -i "$2" ;;
  *) exec patch -p1 --force -i "$1" ;;
esac
"""


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def write_program(path, text):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)


def quoted(*words):
    return " ".join(map(shlex.quote, words))


class BugsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(
            dir=os.environ.get("TEST_TMPDIR"))
        cls.sound = os.path.join(cls.scratch.name, "sound")
        cls.objects = os.path.join(cls.scratch.name, "sound-objects")
        library.install(TREE, cls.objects, cls.sound)
        # The reader's clone, with what the commands need of it.
        cls.tree = os.path.join(cls.scratch.name, "tree")
        for name in library.LAYERS + ("include", "docs/guide", "tools"):
            shutil.copytree(os.path.join(TREE, name),
                            os.path.join(cls.tree, name))
        write_program(os.path.join(cls.tree, "bazelw"), BAZELW % (
            quoted(sys.executable, library.__file__),
            quoted(TREE, cls.objects)))
        programs = os.path.join(cls.scratch.name, "bin")
        os.mkdir(programs)
        if not shutil.which("git"):
            write_program(os.path.join(programs, "git"), GIT)
        cls.environment = dict(
            os.environ, LC_ALL="C.UTF-8",
            PATH=programs + os.pathsep + os.environ["PATH"],
            GIT_CEILING_DIRECTORIES=cls.scratch.name)
        for name in ("LD_LIBRARY_PATH", "CPATH", "LIBRARY_PATH",
                     "EVENT_NOEPOLL", "EVOKE_TRACE", "EVOKE_SCOPE"):
            cls.environment.pop(name, None)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def path(self, exercise, name):
        return os.path.join(BUGS, exercise, name)

    def bash(self, commands):
        """(status, output) of commands in the reader's clone."""
        with subprocess.Popen(
                ["bash", "-c", commands], cwd=self.tree, text=True,
                env=self.environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                start_new_session=True) as process:
            try:
                output, _ = process.communicate(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                output, _ = process.communicate()
                return "late", output
        return process.returncode, output

    def succeed(self, commands):
        status, output = self.bash("set -e\n" + commands)
        self.assertEqual(status, 0, commands + output)

    def steps(self, exercise):
        """The README's commands: (before, after) the program is run."""
        block, = [block for block in page.blocks_of(README)
                  if block.language == "sh"]
        text, assigned = re.subn(r"\An=.*$", "n=" + exercise, block.text,
                                 flags=re.M)
        self.assertEqual(assigned, 1)
        before, after = re.split(r"^\./reproduce\n", text, flags=re.M)
        return before, "n=%s\n%s" % (exercise, after)

    def programs_without_fault(self, exercise):
        """What the program says with the sound library: nothing wrong."""
        program = os.path.join(self.scratch.name, exercise)
        library.checked([
            "cc", self.path(exercise, "reproduce.c"), "-I" + self.sound +
            "/include", "-L" + self.sound + "/lib", "-levent_core",
            "-levent_pthreads", "-pthread",
            "-Wl,-rpath," + self.sound + "/lib", "-o", program])
        return self.bash("exec " + shlex.quote(program))

    def test_there_are_ten(self):
        self.assertEqual(len(EXERCISES), 10)
        for exercise in EXERCISES:
            # The tree's own test that catches it, as both pages name it.
            caught = []
            for name, words in (("solution.md", r"Caught by `(//[^`]+)`"),
                                ("solution.zh.md", r"(?m)^由 `(//[^`]+)`")):
                caught += re.findall(words, read(self.path(exercise, name)))
            self.assertEqual(len(caught), 2, exercise)
            self.assertEqual(caught[0], caught[1], exercise)
            self.assertRegex(caught[0], "_test$")
            self.assertTrue(targets.exists(TREE, caught[0]), caught[0])
        # One is found by the differential test.
        self.assertIn("//tests/differential:differential_test", "".join(
            read(self.path(exercise, "solution.md")) for exercise in EXERCISES))

    def commands_of(self, exercise):
        """Those that run ./reproduce, in the hints and in the solution."""
        for name in ("exercise.md", "solution.md"):
            text = page.outside_blocks(self.path(exercise, name))
            for code in re.findall("`([^`]+)`", text):
                if "./reproduce" in code or "$(pidof reproduce)" in code:
                    yield " ".join(code.split())

    def shown_by_debugger(self, command, pattern):
        """Asks the program until it has come to what the page says."""
        with subprocess.Popen([os.path.join(self.tree, "reproduce")],
                              stdout=subprocess.DEVNULL) as process:
            command = command.replace("$(pidof reproduce)", str(process.pid))
            limit = time.monotonic() + LIMIT_S
            try:
                output = ""
                while process.poll() is None and time.monotonic() < limit:
                    output = self.bash(command)[1]
                    if re.search(pattern, output):
                        break
            finally:
                process.kill()
        return output

    def find(self, exercise):
        """The ways of the solution lead to what it says."""
        commands = list(self.commands_of(exercise))
        patterns = SHOWN.get(exercise, [])
        self.assertEqual(len(commands), len(patterns), commands)
        for command, pattern in zip(commands, patterns):
            tools = [tool for tool in ("strace", "valgrind", "gdb")
                     if re.search(r"\b%s\b" % tool, command)]
            if any(shutil.which(tool) is None for tool in tools):
                print("not run, for want of the program:", command)
                continue
            if "$(pidof" in command:
                output = self.shown_by_debugger(command, pattern)
            else:
                output = self.bash(command)[1]
            self.assertRegex(output, pattern, command)

    def records(self, scenario, method):
        """What a scenario of tests/differential writes down with libevent, and
        with the library of the reader's clone."""
        places = os.path.join(TREE, "tests/differential")
        source, = [path for path in
                   glob.glob(os.path.join(places, "scenarios", "*.c"))
                   if "SCENARIO(%s," % scenario in read(path)]
        faulty = os.path.join(self.tree, "faulty/lib")
        found = []
        for flags in ([], ["-L" + faulty, "-Wl,-rpath," + faulty]):
            program = os.path.join(self.scratch.name, "scenarios")
            library.checked([
                "cc", "-std=gnu11", "-I" + TREE, "-I" + TREE + "/include",
                source, *glob.glob(os.path.join(places, "*.c")), *flags,
                "-levent_core", "-levent_pthreads", "-pthread", "-o", program])
            status, output = self.bash("exec " + quoted(
                program, "--run", scenario, "--method", method))
            self.assertEqual(status, 0, output)
            found.append(output.splitlines())
        return found

    def check_differences(self, exercise):
        """What the page shows of the differential test is what both say."""
        for block in page.blocks_of(self.path(exercise, "solution.md")):
            run = re.search(r"^\[ RUN      \] (\w+)\.(\w+)$", block.text, re.M)
            if not run:
                continue
            lines = re.findall(r"^(  [ +-] )(.*)$", block.text, re.M)
            printed = [[text for sign, text in lines if sign in signs]
                       for signs in (("    ", "  - "), ("    ", "  + "))]
            theirs, ours = self.records(*run.groups())
            self.assertNotEqual(theirs, ours)
            self.assertEqual(printed[0], theirs)
            self.assertEqual(printed[1], ours)

    def check(self, exercise):
        status, output = self.programs_without_fault(exercise)
        self.assertEqual(status, 0, "without the fault:\n%s" % output)
        library.checked(["patch", "-p1", "--fuzz=0", "--force", "--dry-run",
                         "-d", self.tree, "-i",
                         self.path(exercise, "fault.patch")])
        before, after = self.steps(exercise)
        try:
            self.succeed(before)
            self.assertTrue(library.affected(self.tree, TREE))
            status, output = self.bash("exec ./reproduce")
            self.assertNotEqual(status, 0, "with the fault:\n%s" % output)
            # It fails as the exercise says, not for a reason of its own.
            for name in ("exercise.md", "exercise.zh.md"):
                printed = re.search(r"^```text\n(.*?)^```$",
                                    read(self.path(exercise, name)),
                                    re.M | re.S)
                self.assertIsNotNone(printed, name)
                self.assertEqual(output, printed[1], name)
            self.find(exercise)
            self.check_differences(exercise)
        finally:
            status, words = self.bash("set -e\n" + after)
        self.assertEqual(status, 0, words)
        # Taken out again, the tree is what it was.
        self.assertEqual(library.affected(self.tree, TREE), [])
        for name in set(re.findall(r"^\+\+\+ b/(\S+)",
                                   read(self.path(exercise, "fault.patch")),
                                   re.M)):
            self.assertTrue(filecmp.cmp(
                os.path.join(TREE, name), os.path.join(self.tree, name),
                shallow=False))


def add_tests():
    for exercise in EXERCISES:
        def test(self, exercise=exercise):
            self.check(exercise)
        setattr(BugsTest, "test_" + exercise.replace("-", "_"), test)


add_tests()
if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
