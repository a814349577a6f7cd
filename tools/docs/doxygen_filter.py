#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Shows a public header to Doxygen: doxygen_filter.py HEADER.

The headers are written for people who read them as they are, in plain comments.
Here each becomes what Doxygen wants, by the rules that people read them by:

- the first comment after the licence's line is about the file;
- a comment directly above a declaration is about it, and about those that
  follow without an empty line or a comment between;
- a comment behind a declaration is about that one;
- "---- Title ----" begins a section;
- every other comment is a remark, which is left as it is.

Doxygen then warns of what has no comment.  Lines keep their numbers, as far as
the comments that are repeated allow.
"""
import re
import sys

SECTION = re.compile(r"^\s*/\* -{3,} (.*?) -{3,} \*/$")
FORWARD = re.compile(r"^(\s*)struct (\w+);$")
GUARD = re.compile(r"^#(ifndef|define) \w+_INCLUDED_$")
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef|elif|else|endif|pragma|include|error)\b")
TRAILING = re.compile(r"^(\s*[^\s/#].*\S)\s*/\* (.*) \*/$")


def escape(text):
    """Takes what Doxygen and Markdown would read for their own out of a text;
    what stands in backquotes is code for both."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([\\@#<>%&*])", r"\\\1", part)
        for part in parts
    )


def words_of(block):
    """The lines of a comment without its marks."""
    text = "\n".join(block).strip()
    text = re.sub(r"^/\*+[ \n]?|\s*\*/$", "", text)
    return [re.sub(r"^\s*\* ?", "", line).rstrip() for line in text.split("\n")]


def as_doxygen(block, command=""):
    """A comment block in Doxygen's form; indented lines after an empty one are
    an example."""
    lines = ["/**" + command]
    in_code = False
    previous = ""
    for line in words_of(block):
        if not in_code and line.startswith("  ") and previous == "":
            lines.append("@code{.c}")
            in_code = True
        elif in_code and line and not line.startswith(" "):
            lines.append("@endcode")
            in_code = False
        # In an example only the end of the comment means anything.
        lines.append(line if in_code else escape(line))
        previous = line
    if in_code:
        lines.append("@endcode")
    return lines + ["*/"]


class Header:
    def __init__(self, lines):
        self.lines = lines
        self.out = []
        self.depth = 0  # of braces
        self.parentheses = 0
        self.in_macro = False
        self.doc = None  # the comment that the paragraph is under
        self.doc_depth = 0
        self.at_start = True  # the next line of code begins a declaration
        self.in_section = False
        self.seen_file_comment = False

    def declares_anything(self):
        text = re.sub(r"/\*.*?\*/", "", "\n".join(self.lines), flags=re.DOTALL)
        return any(line and not GUARD.match(line) and not CONDITIONAL.match(line)
                   for line in text.split("\n"))

    def close_section(self):
        if self.in_section:
            self.out.append("/** @} */")
        self.in_section = False

    def take_comment(self, start):
        """Reads the comment that begins in line `start`; the line after it."""
        end = start
        while "*/" not in self.lines[end]:
            end += 1
        block = self.lines[start : end + 1]
        following = self.lines[end + 1].strip() if end + 1 < len(self.lines) else ""
        section = SECTION.match(block[0]) if len(block) == 1 else None
        if section:
            self.close_section()
            self.out += ["/** @name %s */" % escape(section.group(1)), "/** @{ */"]
            self.in_section = True
            self.doc = None
        elif "SPDX-License-Identifier" in block[0]:
            self.out += block
        elif not self.seen_file_comment:
            # A header of includes alone declares nothing that has a page; and
            # Doxygen 1.9 mixes event.h and event2/event.h up.
            self.out += as_doxygen(block, " @file") if self.declares_anything() else block
            self.seen_file_comment = True
        elif following and not following.startswith("/*"):
            self.doc = block
            self.doc_depth = self.depth
            self.at_start = True
        else:
            self.out += block
            self.doc = None
        return end + 1

    def declares(self, line):
        """Code that begins a declaration gets the paragraph's comment.  Fields
        of a nested structure have the comment of the field that it is."""
        nested = self.depth >= 2 and self.depth > self.doc_depth
        if not self.at_start or self.doc is None:
            return line
        if self.depth != self.doc_depth and not nested:
            return line
        if line.strip().startswith("}"):
            return line
        forward = FORWARD.match(line)
        text = " ".join(words_of(self.doc))
        if forward and ("Opaque" not in text or "layout is in" in text):
            return line  # it is documented where it is defined
        self.out += as_doxygen(self.doc)
        return "%sstruct %s {};" % forward.groups() if forward else line

    def take_code(self, line):
        stripped = line.strip()
        if CONDITIONAL.match(line) and not stripped.endswith("\\"):
            if stripped == "#pragma GCC visibility pop":
                self.close_section()
            self.out.append(line)
            return
        line = self.declares(line)
        trailing = TRAILING.match(line)
        if trailing:
            line = "%s /**< %s */" % (trailing.group(1), escape(trailing.group(2)))
        self.out.append(line)
        code = trailing.group(1).strip() if trailing else stripped
        is_macro = code.startswith("#define") or not self.at_start and self.in_macro
        if is_macro:
            self.in_macro = code.endswith("\\")
            self.at_start = not self.in_macro
            return
        if code == 'extern "C" {':
            return  # no depth of its own
        self.depth = max(0, self.depth + code.count("{") - code.count("}"))
        self.parentheses += code.count("(") - code.count(")")
        self.at_start = self.parentheses == 0 and code.endswith((";", "{", "}", ","))

    def run(self):
        i = 0
        while i < len(self.lines):
            line = self.lines[i]
            if GUARD.match(line):
                self.out.append(line if line.startswith("#ifndef") else "")
                i += 1
            elif line.strip().startswith("/*") and self.at_start:
                i = self.take_comment(i)
            elif not line.strip():
                self.doc = None
                self.out.append(line)
                i += 1
            else:
                self.take_code(line)
                i += 1
        return self.out


def main():
    with open(sys.argv[1], encoding="utf-8") as header:
        lines = header.read().split("\n")
    sys.stdout.write("\n".join(Header(lines).run()))


main()
