#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What holds for all pages of the guide at once.

It looks at the real tree, which no sandbox shows.
"""

import glob
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import page  # noqa: E402

TREE = os.path.dirname(os.path.dirname(os.path.realpath(
    "docs/libevent-internals.md")))
INTERNALS = "docs/libevent-internals.md"


def english_pages():
    names = [os.path.relpath(path, TREE)
             for path in glob.glob(os.path.join(TREE, "docs/guide/*.md"))]
    return sorted(name for name in names + [INTERNALS, "README.md"]
                  if not name.endswith(".zh.md"))


def chinese(name):
    return name[:-len(".md")] + ".zh.md"


def all_pages():
    return english_pages() + [chinese(name) for name in english_pages()]


def path_of(name):
    return os.path.join(TREE, name)


def read(name):
    with open(path_of(name), encoding="utf-8") as file:
        return file.read()


def links_of(name):
    for link in re.findall(r"\]\(([^)\s]+)\)",
                           page.outside_blocks(path_of(name))):
        if "://" not in link and not link.startswith("#"):
            yield link.split("#")[0]


def target_of(name, link):
    return os.path.normpath(os.path.join(os.path.dirname(name), link))


class Pages(unittest.TestCase):

    def test_both_languages_have_the_same_blocks(self):
        self.assertGreaterEqual(len(english_pages()), 9)
        for name in english_pages():
            with self.subTest(name):
                english, other = (
                    [(b.language, b.mark, b.text)
                     for b in page.blocks_of(path_of(n))]
                    for n in (name, chinese(name)))
                self.assertEqual(len(english), len(other))
                for one, two in zip(english, other):
                    self.assertEqual(one, two)

    def test_chinese_pages_are_chinese(self):
        # Libevent's internals are names for the most part.
        for name in set(english_pages()) - {INTERNALS}:
            with self.subTest(name):
                words = page.outside_blocks(path_of(chinese(name)))
                signs = len(re.findall("[\u4e00-\u9fff]", words))
                self.assertGreater(signs, len(page.outside_blocks(
                    path_of(name))) / 10)

    def test_both_languages_have_the_same_headings(self):
        for name in english_pages():
            with self.subTest(name):
                levels = [re.findall("^#+", page.outside_blocks(path_of(n)),
                                     re.M) for n in (name, chinese(name))]
                self.assertEqual(*levels)

    def test_links_lead_somewhere(self):
        for name in all_pages():
            for link in links_of(name):
                with self.subTest("%s: %s" % (name, link)):
                    self.assertTrue(
                        os.path.exists(path_of(target_of(name, link))))

    def test_quotes_are_in_their_sources(self):
        quotes = 0
        for name in all_pages():
            for block in page.blocks_of(path_of(name)):
                source = page.argument(block, "quote")
                if source is None:
                    continue
                quotes += 1
                text = read(source)
                for piece in re.split(r"^\.\.\.\n", block.text, flags=re.M):
                    with self.subTest("%s:%d" % (name, block.line)):
                        self.assertIn(piece.strip("\n"), text)
        self.assertGreaterEqual(quotes, 10)


if __name__ == "__main__":
    unittest.main()
