#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""libabigail's opinion of evoke beside Debian's libevent.

    abidiff_test.py ACCEPTED INCLUDE LIBRARY...

abidiff compares each of our shared objects with Debian's of the same name:
symbols, since Debian's carries no debug information. For the types it compares
two libraries with empty functions, made from libevent's headers and from ours
(INCLUDE). Each line it prints must be in ACCEPTED, and each entry of ACCEPTED
must be of use.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, "tools")
import abi_table  # pylint: disable=wrong-import-position


def empty_library(path, options):
    """Compiles a library whose functions the headers declare."""
    with tempfile.TemporaryDirectory() as scratch:
        table = abi_table.Table(abi_table.HEADERS, options, scratch)
        text = "".join(
            re.sub("^extern ", "", prototype) + " { __builtin_trap(); }\n"
            for _, _, prototype in sorted(set(table.functions())))
        # The name of a compiler's own type, not of C.
        text = re.sub(r"(struct )?__va_list_tag \*", "va_list", text)
        # -std=gnu2x: parameters need no names.
        compiled, messages = table.compile(
            text, "-std=gnu2x", "-g", "-fPIC", "-shared", "-o", path)
    if not compiled:
        raise RuntimeError(messages)


def abidiff(old, new):
    """The lines of abidiff's report about what differs."""
    result = subprocess.run(
        ["abidiff", "--harmless", old, new],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True)
    # Bit 0: it failed; bit 1: it was called wrongly.
    if result.returncode & 3:
        raise RuntimeError(result.stdout)
    return [
        line.strip()
        for line in result.stdout.splitlines()
        if line.strip() and not re.match(
            r"(Functions|Variables|Function symbols|Variable symbols) changes "
            r"summary:|\d+ (Removed|Added) .*:$", line)
    ]


def read_accepted():
    """(pattern of the library, pattern of the line) for each entry."""
    with open(ACCEPTED, encoding="ascii") as file:
        for line in file:
            if not line.startswith("#"):
                library, text, reason = line.rstrip("\n").split("\t")
                assert reason
                yield re.compile(library), re.compile(text)


class AbidiffTest(unittest.TestCase):

    def test_whatever_differs_is_accepted(self):
        accepted = list(read_accepted())
        used = set()
        unexpected = []
        for name, lines in self.reports().items():
            for line in lines:
                matching = [
                    entry for entry in accepted
                    if entry[0].fullmatch(name) and entry[1].fullmatch(line)
                ]
                used.update(matching)
                if not matching:
                    unexpected.append("%s: %s" % (name, line))
        self.assertEqual(unexpected, [])
        self.assertEqual([e for e in accepted if e not in used], [])

    def test_a_changed_type_is_noticed(self):
        with tempfile.TemporaryDirectory() as scratch:
            old, new = scratch + "/old.so", scratch + "/new.so"
            empty_library(old, ["-I" + INCLUDE])
            empty_library(new, ["-I" + INCLUDE, "-Dev_events=ev_gap,ev_events"])
            self.assertTrue(
                any("ev_gap" in line for line in abidiff(old, new)))

    @staticmethod
    def reports():
        """Name of what was compared -> lines of the report."""
        found = {}
        for library in LIBRARIES:
            name = re.match(r"\w+", os.path.basename(library)).group()
            theirs = subprocess.run(
                ["gcc", "-print-file-name=%s.so" % name],
                check=True,
                stdout=subprocess.PIPE,
                universal_newlines=True).stdout.strip()
            found[name] = abidiff(os.path.realpath(theirs), library)
        with tempfile.TemporaryDirectory() as scratch:
            old, new = scratch + "/old.so", scratch + "/new.so"
            empty_library(old, [])
            empty_library(new, ["-I" + INCLUDE])
            found["headers"] = abidiff(old, new)
        return found


if __name__ == "__main__":
    ACCEPTED, INCLUDE, *LIBRARIES = sys.argv[1:]
    del sys.argv[1:]
    unittest.main()
