#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The exercises of docs/guide/bugs: each fault can be put in, shows itself, and is
gone when it is taken out.

    bugs_test.py README

README is that of the exercises; the tree is found from where it really is. Only
what a patch touches is compiled anew; the rest is shared by all.
"""

import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import targets  # noqa: E402

BUGS = os.path.dirname(os.path.realpath(sys.argv[1]))
TREE = os.path.dirname(os.path.dirname(os.path.dirname(BUGS)))
LAYERS = ("util", "trace", "backends", "event", "buffer", "bufferevent",
          "listener")
LIMIT_S = 60
CXX = ["g++", "-std=c++20", "-fno-exceptions", "-fno-rtti",
       "-fno-threadsafe-statics", "-O0", "-g"]
EXERCISES = sorted(os.path.basename(os.path.dirname(path)) for path in
                   glob.glob(os.path.join(BUGS, "*", "fault.patch")))


def sources():
    return [os.path.relpath(path, TREE) for layer in LAYERS for path in
            glob.glob(os.path.join(TREE, layer, "**", "*.cc"), recursive=True)]


def run(command, **more):
    return subprocess.run(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **more)


def checked(command, **more):
    result = run(command, **more)
    if result.returncode != 0:
        raise AssertionError("%s:\n%s" % (" ".join(command), result.stdout))
    return result.stdout


def object_of(directory, source):
    return os.path.join(directory, source.replace("/", "-") + ".o")


def compile_all(names, directory, overlay=None):
    """Compiles sources of the tree; those in `overlay` stand before them."""
    os.makedirs(directory, exist_ok=True)
    roots = [overlay, TREE] if overlay else [TREE]
    includes = ["-I" + root for root in roots] + [
        "-I" + os.path.join(TREE, "include")]

    def compile_one(name):
        path = next(os.path.join(root, name) for root in roots
                    if os.path.exists(os.path.join(root, name)))
        checked(CXX + includes + ["-c", path, "-o", object_of(directory, name)])
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, names))


class BugsTest(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.sound = os.path.join(cls.scratch.name, "sound")
        compile_all(sources(), cls.sound)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def path(self, exercise, name):
        return os.path.join(BUGS, exercise, name)

    def overlay(self, exercise):
        """(directory with copies of what the patch is for, their names)"""
        with open(self.path(exercise, "fault.patch"), encoding="utf-8") as file:
            names = re.findall(r"^\+\+\+ b/(\S+)", file.read(), re.M)
        self.assertTrue(names)
        directory = os.path.join(self.scratch.name, exercise)
        for name in names:
            os.makedirs(os.path.dirname(os.path.join(directory, name)),
                        exist_ok=True)
            shutil.copy(os.path.join(TREE, name), os.path.join(directory, name))
        return directory, names

    def patch(self, exercise, directory, *flags):
        checked(["patch", "-p1", "--fuzz=0", "--force", *flags, "-d", directory,
                 "-i", self.path(exercise, "fault.patch")])

    def affected(self, names):
        """What is to be compiled anew: patched, or with a patched header."""
        result = [name for name in names if name.endswith(".cc")]
        for header in set(names) - set(result):
            line = '#include "%s"' % header
            for source in sources():
                with open(os.path.join(TREE, source), encoding="utf-8") as file:
                    if line in file.read():
                        result.append(source)
        return result

    def outcome(self, exercise, objects):
        """(status, output) of the program that shows the fault."""
        program = os.path.join(self.scratch.name, exercise + "-program")
        checked(["gcc", "-std=gnu11", "-g", "-I" + os.path.join(TREE, "include"),
                 self.path(exercise, "reproduce.c")] + objects +
                ["-o", program, "-pthread", "-lstdc++"])
        try:
            result = run([program], timeout=LIMIT_S)
        except subprocess.TimeoutExpired as late:
            return "late", late.stdout
        return result.returncode, result.stdout

    def test_there_are_ten(self):
        self.assertEqual(len(EXERCISES), 10)
        for exercise in EXERCISES:
            for name in ("exercise.md", "exercise.zh.md", "solution.md",
                         "solution.zh.md"):
                self.assertTrue(os.path.exists(self.path(exercise, name)))
            # The tree's own test that catches it, as both pages name it.
            caught = []
            for page, words in (("solution.md", r"Caught by `(//[^`]+)`"),
                                ("solution.zh.md", r"由 `(//[^`]+)` 抓到")):
                with open(self.path(exercise, page), encoding="utf-8") as file:
                    caught += re.findall(words, file.read())
            self.assertEqual(len(caught), 2, exercise)
            self.assertEqual(caught[0], caught[1], exercise)
            self.assertRegex(caught[0], "_test$")
            self.assertTrue(targets.exists(TREE, caught[0]), caught[0])

    def check(self, exercise):
        sound = [object_of(self.sound, name) for name in sources()]
        status, output = self.outcome(exercise, sound)
        self.assertEqual(status, 0, "without the fault:\n%s" % output)
        directory, names = self.overlay(exercise)
        self.patch(exercise, directory)
        faulty = directory + "-objects"
        affected = self.affected(names)
        compile_all(affected, faulty, directory)
        objects = [object_of(faulty if name in affected else self.sound, name)
                   for name in sources()]
        status, output = self.outcome(exercise, objects)
        self.assertNotEqual(status, 0, "with the fault:\n%s" % output)
        # It fails as the exercise says, not for a reason of its own.
        for page in ("exercise.md", "exercise.zh.md"):
            with open(self.path(exercise, page), encoding="utf-8") as file:
                printed = re.search(r"^```text\n(.*?)^```$", file.read(),
                                    re.M | re.S)
            self.assertIsNotNone(printed, page)
            self.assertEqual(output, printed[1], page)
        # Taken out again, the tree is what it was.
        self.patch(exercise, directory, "-R")
        for name in names:
            with open(os.path.join(TREE, name), encoding="utf-8") as one, \
                    open(os.path.join(directory, name), encoding="utf-8") as two:
                self.assertEqual(one.read(), two.read())
        return output


def add_tests():
    for exercise in EXERCISES:
        def test(self, exercise=exercise):
            output = self.check(exercise)
            if os.environ.get("BUGS_TEST_SHOW"):
                print("== %s\n%s" % (exercise, output))
        setattr(BugsTest, "test_" + exercise.replace("-", "_"), test)


add_tests()
if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
