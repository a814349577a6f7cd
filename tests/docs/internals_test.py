#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""docs/libevent-internals.md points at what is there.

In its tables each link to a file of ours is followed by the names that are to be
found in it: the file must exist and hold each of them as a word. The page in
Chinese has the same rows with the same links and names.

    internals_test.py PAGE...
"""

import os
import re
import sys
import unittest

# The real ones: the tree is found from where they are.
PAGES = [os.path.realpath(page) for page in sys.argv[1:]]
LINK = re.compile(r"\[[^]]*\]\(([^)#]+)\)")
NAME = re.compile(r"`([^`]+)`")


def rows(page):
    """The cells of each row of a table, without heads and rulers."""
    with open(page, encoding="utf-8") as lines:
        for line in lines:
            cells = [cell.strip() for cell in line.strip().split("|")[1:-1]]
            if len(cells) == 4 and LINK.search(cells[2]):
                yield cells


def places(cell):
    """(path, names) of each link in a cell, the names those behind it."""
    parts = LINK.split(cell)
    for path, behind in zip(parts[1::2], parts[2::2]):
        yield path, NAME.findall(behind)


class InternalsTest(unittest.TestCase):

    def test_files_and_names_are_there(self):
        for page in PAGES:
            count = 0
            for cells in rows(page):
                for path, names in places(cells[2]):
                    path = os.path.normpath(
                        os.path.join(os.path.dirname(page), path))
                    with open(path, encoding="utf-8") as source:
                        text = source.read()
                    for name in names:
                        self.assertRegex(text, r"\b%s\b" % re.escape(name),
                                         "%s: %s" % (page, path))
                        count += 1
            self.assertGreater(count, 50, page)

    def test_links_lead_somewhere(self):
        for page in PAGES:
            with open(page, encoding="utf-8") as text:
                for path in LINK.findall(text.read()):
                    self.assertTrue(os.path.exists(os.path.join(
                        os.path.dirname(page), path)), "%s: %s" % (page, path))

    def test_languages_say_the_same(self):
        tables = [[(cells[1].count("`"), list(places(cells[2])))
                   for cells in rows(page)] for page in PAGES]
        for page, table in zip(PAGES, tables):
            self.assertEqual(table, tables[0], page)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
