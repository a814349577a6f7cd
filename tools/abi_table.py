#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints libevent's binary interface as a table, one fact a line.

    abi_table.py [--include DIR] [--library FILE]... [HEADER...]

Without options, of the installed libevent; with --include, of the headers
below DIR. The columns are separated by tabs:

    function  NAME         prototype, by gcc's account
    export    NAME         the library, of those given, that has the function
    struct    NAME         size in bytes
    field     STRUCT.PATH  offset and size in bytes
    enumerator NAME        value
    macro     NAME         value and C type of an integer, or a string

tests/abi/libevent_abi.tsv is its output for libevent 2.1.12 of Debian 12 on
x86-64; tests/abi compares our headers and libraries with that file.
"""

import argparse
import os
import re
import subprocess
import tempfile

# The headers of libevent_core and libevent_pthreads.
HEADERS = [
    "event.h",
    "event2/buffer.h",
    "event2/buffer_compat.h",
    "event2/bufferevent.h",
    "event2/bufferevent_compat.h",
    "event2/bufferevent_struct.h",
    "event2/event-config.h",
    "event2/event.h",
    "event2/event_compat.h",
    "event2/event_struct.h",
    "event2/keyvalq_struct.h",
    "event2/listener.h",
    "event2/thread.h",
    "event2/util.h",
    "event2/visibility.h",
    "evutil.h",
]


def run(*command, **options):
    """Runs a command to its end and returns what it wrote on stdout."""
    return subprocess.run(
        command,
        check=True,
        stdout=subprocess.PIPE,
        universal_newlines=True,
        **options).stdout


class Table:
    """The facts about the headers that `options` lead the compiler to."""

    def __init__(self, headers, options, scratch):
        self.text = "".join("#include <%s>\n" % h for h in headers)
        # What the old event.h includes of other libraries is not looked at.
        self.wanted = re.compile(
            r"(?:^|/)(?:%s)$" % "|".join(re.escape(h) for h in headers))
        self.gcc = ["gcc", "-std=gnu11", "-w", *options]
        self.scratch = scratch

    def compile(self, text, *options):
        """Compiles `text` behind the headers; (succeeded, messages)."""
        result = subprocess.run(
            [*self.gcc, *options, "-x", "c", "-"],
            input=self.text + text,
            stderr=subprocess.PIPE,
            universal_newlines=True)
        return result.returncode == 0, result.stderr

    def functions(self):
        """Lines about the functions that the headers declare."""
        out = self.scratch + "/aux"
        self.compile("", "-fsyntax-only", "-aux-info", out)
        with open(out, encoding="ascii") as file:
            for path, prototype in re.findall(
                    r"^/\* (.*?):\d+:N\w \*/ (.*)$", file.read(), re.M):
                if self.wanted.search(path):
                    name = re.search(r"(\w+) \(", prototype).group(1)
                    yield "function", name, re.sub(r"\s*;$", "", prototype)

    def types(self):
        """Lines about structures and enumerators, from debug information."""
        obj = self.scratch + "/types.o"
        self.compile("", "-c", "-g", "-gdwarf-4", "-o", obj,
                     "-fno-eliminate-unused-debug-types")
        entries = read_dwarf(run("readelf", "--debug-dump=info", obj))
        files = read_files(run("readelf", "--debug-dump=rawline", obj))
        for entry in entries.values():
            if not self.wanted.search(files.get(entry.get("decl_file"), "")):
                continue
            if entry["tag"] == "enumeration_type":
                for value in entry["children"]:
                    yield ("enumerator", value["name"],
                           int(value["const_value"], 0))
            elif (entry["tag"] == "structure_type" and "byte_size" in entry and
                  "name" in entry):
                name = "struct " + entry["name"]
                yield "struct", name, entry["byte_size"]
                yield from fields(entries, entry, name, 0)

    def macros(self):
        """Lines about macros that stand for an integer or a string."""
        names = []
        ours = False
        for line in run(*self.gcc, "-E", "-dD", "-x", "c", "-",
                        input=self.text).splitlines():
            marker = re.match(r'# \d+ "(.*?)"', line)
            define = re.match(r"#define (?!__)(\w+) \S", line)
            if marker:
                ours = self.wanted.search(marker.group(1))
            elif ours and define:
                names.append(define.group(1))
        integers = self.constant(names, "enum { value_%s = (%s) * 1 != 0 };")
        strings = self.constant(sorted(set(names) - integers),
                                "static const char value_%s[] = {%s,};")
        program = self.scratch + "/macros"
        lines = ["P(%s)" % name for name in sorted(integers)]
        lines += ['printf("macro\\t%s\\t\\"%%s\\"\\n", %s);' % (name, name)
                  for name in sorted(strings)]
        compiled, messages = self.compile(
            PRINTER % "\n".join(lines), "-o", program)
        if not compiled:
            raise RuntimeError(messages)
        return (tuple(line.split("\t")) for line in run(program).splitlines())

    def constant(self, names, form):
        """Those of the names of macros that compile in a line of `form`."""
        good = set(names)
        lines = [form % (name, name) for name in names]
        head = self.text.count("\n")
        # Errors are told with the line that uses the macro.
        _, messages = self.compile("\n".join(lines) + "\n", "-fsyntax-only",
                                   "-fmax-errors=0",
                                   "-ftrack-macro-expansion=0")
        for number in re.findall(r"^<stdin>:(\d+):(?:\d+:)? error",
                                 messages, re.M):
            good.discard(names[int(number) - head - 1])
        return good


PRINTER = r"""
#include <stdio.h>
#define TYPE(x) _Generic((x), int: "int", unsigned: "unsigned", \
  long: "long", unsigned long: "unsigned long", default: "other")
#define P(name) printf("macro\t%%s\t%%lld %%s\n", #name, \
  (long long)(name), TYPE(name));
int main(void) {
%s
}
"""


def read_dwarf(text):
    """Debug information as readelf prints it: offset -> entry."""
    entries, stack, entry = {}, [], None
    for line in text.splitlines():
        head = re.match(r" <(\w+)><(\w+)>: Abbrev Number: \d+ \(DW_TAG_(\w+)\)",
                        line)
        attribute = re.match(
            r"    <\w+>   DW_AT_(\w+)\s*:(?: \(.*?\):)? *(.*?)\s*$", line)
        if head:
            depth = int(head.group(1), 16)
            entry = {"tag": head.group(3), "children": []}
            entries[int(head.group(2), 16)] = entry
            del stack[depth:]
            if stack:
                stack[-1]["children"].append(entry)
            stack.append(entry)
        elif attribute and entry is not None:
            key, value = attribute.groups()
            if key == "type":
                value = int(value.strip("<>"), 16)
            elif key == "decl_file":
                value = int(value.split()[0])
            elif key == "name":
                value = value.split(": ")[-1]
            entry[key] = value
    return entries


def read_files(text):
    """The table of files of debug information: number -> path."""
    directories, files = {0: ""}, {}
    for line in text.splitlines():
        row = re.match(r"  (\d+)\t(\S+)$", line)
        if row:
            directories[int(row.group(1))] = row.group(2)
        row = re.match(r"  (\d+)\t(\d+)\t\d+\t\d+\t(\S+)$", line)
        if row:
            number, directory, name = row.groups()
            files[int(number)] = "%s/%s" % (directories[int(directory)], name)
    return files


def size_of(entries, offset):
    """The size of a type in bytes."""
    entry = entries[offset]
    if "byte_size" in entry:
        return int(entry["byte_size"], 0)
    if entry["tag"] == "array_type":
        count = 1
        for part in entry["children"]:
            count *= int(part["upper_bound"], 0) + 1
        return count * size_of(entries, entry["type"])
    return size_of(entries, entry["type"])


def fields(entries, structure, path, start):
    """Lines about all fields, those of unnamed structures inside, too."""
    for member in structure["children"]:
        if member["tag"] != "member":
            continue
        name = "%s.%s" % (path, member["name"]) if "name" in member else path
        place = start + int(member.get("data_member_location", "0"), 0)
        if "name" in member:
            yield "field", name, "%d %d" % (place,
                                            size_of(entries, member["type"]))
        inner = entries[member["type"]]
        if (inner["tag"] in ("structure_type", "union_type") and
                "name" not in inner):
            yield from fields(entries, inner, name, place)


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--library", action="append", default=[])
    parser.add_argument("headers", nargs="*", default=HEADERS)
    arguments = parser.parse_args()
    options = ["-I" + path for path in arguments.include]
    with tempfile.TemporaryDirectory() as scratch:
        table = Table(arguments.headers, options, scratch)
        lines = {*table.functions(), *table.types(), *table.macros()}
        for library in arguments.library:
            symbols = run("nm", "-D", "--defined-only", library).split()
            name = re.match(r"\w+", os.path.basename(library)).group()
            lines |= {("export", line[1], name) for line in lines
                      if line[0] == "function" and line[1] in symbols}
    for line in sorted(lines):
        print("\t".join(str(column) for column in line).rstrip())


if __name__ == "__main__":
    main()
