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
import targets  # noqa: E402

TREE = os.path.dirname(os.path.dirname(os.path.realpath(
    "docs/libevent-internals.md")))
INTERNALS = "docs/libevent-internals.md"


def english_pages():
    names = [os.path.relpath(path, TREE) for path in
             glob.glob(os.path.join(TREE, "docs/guide/**/*.md"), recursive=True)]
    return sorted(name for name in names + [INTERNALS, "README.md"]
                  if not name.endswith(".zh.md"))


def pages_of_bugs():
    return [name for name in english_pages()
            if name.startswith("docs/guide/bugs/")]


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
        if "://" not in link:
            yield link


def anchors_of(name):
    """What the headings of a page are called in links, as GitHub has it."""
    for heading in re.findall(r"^#+ (.*)", page.outside_blocks(path_of(name)),
                              re.M):
        yield re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def code_in_text(name):
    """What stands between backquotes, outside of the blocks."""
    return re.findall(r"`([^`]+)`", page.outside_blocks(path_of(name)))


def target_of(name, link):
    return os.path.normpath(os.path.join(os.path.dirname(name), link))


class Pages(unittest.TestCase):

    def test_both_languages_have_the_same_blocks(self):
        self.assertGreaterEqual(len(english_pages()), 30)
        # The exercises, the solutions, and what leads to them.
        self.assertEqual(len(pages_of_bugs()), 21)
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

    def test_both_languages_have_the_same_commands_in_the_text(self):
        for name in pages_of_bugs():
            with self.subTest(name):
                self.assertEqual(*(
                    [code for code in code_in_text(n) if " " in code]
                    for n in (name, chinese(name))))

    def test_targets_exist(self):
        labels = 0
        for name in pages_of_bugs():
            for n in (name, chinese(name)):
                for label in targets.labels_of(read(n)):
                    labels += 1
                    with self.subTest("%s: %s" % (n, label)):
                        self.assertTrue(targets.exists(TREE, label))
        self.assertGreaterEqual(labels, 2 * 11)
        # The check itself tells one from the other.
        self.assertTrue(targets.exists(TREE, "//tests/buffer:search_test"))
        self.assertTrue(targets.exists(TREE, "//tests/guide:master_test"))
        self.assertTrue(targets.exists(TREE, "//tests/buffer/..."))
        self.assertFalse(targets.exists(TREE, "//tests/buffer:search"))
        self.assertFalse(targets.exists(TREE, "//tests/guide:slave_test"))
        self.assertFalse(targets.exists(TREE, "//tests/nowhere:search_test"))

    def test_links_lead_somewhere(self):
        for name in all_pages():
            for link in links_of(name):
                with self.subTest("%s: %s" % (name, link)):
                    file, _, anchor = link.partition("#")
                    target = target_of(name, file) if file else name
                    self.assertTrue(os.path.exists(path_of(target)))
                    if anchor and target.endswith(".md"):
                        self.assertIn(anchor, list(anchors_of(target)))

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
