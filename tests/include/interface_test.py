#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares our public headers with the installed libevent's.

    interface_test.py HEADER...    paths of ours that have include/ in them

For each of libevent's headers that we have: its functions with their
prototypes, its macros, and the system headers that come with it. What we leave
out is listed below, so that the lists shrink as the library grows.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

# Functions that libevent 2.1 has not: those of 2.2, each with its header.
SINCE_2_2_FUNCTIONS = {
    "bufferevent_replacefd": "event2/bufferevent.h",
    "evbuffer_get_max_read": "event2/buffer.h",
    "evbuffer_set_max_read": "event2/buffer.h",
    "event_base_get_signal_method": "event2/event.h",
    "evthread_use_pthreads_with_flags": "event2/thread.h",
    "evutil_set_tcp_keepalive": "event2/util.h",
    "evwatch_base": "event2/watch.h",
    "evwatch_check_new": "event2/watch.h",
    "evwatch_free": "event2/watch.h",
    "evwatch_prepare_get_timeout": "event2/watch.h",
    "evwatch_prepare_new": "event2/watch.h",
}

# The same for macros.
SINCE_2_2_MACROS = {
    "EVTHREAD_PTHREAD_PRIO_INHERIT",
    "LEV_OPT_BIND_IPV4_AND_IPV6",
}

# Headers of 2.2, which have no counterpart in the installed libevent.
SINCE_2_2_HEADERS = ["event2/watch.h"]

# Macros of these headers that are not there yet, or never will be.
ABSENT_MACROS = {
    # TLS is not there yet.
    "EVENT__HAVE_OPENSSL",
    "EVENT__HAVE_OPENSSL_SSL_H",
    # From the tag headers, whose functions are libevent_extra's: a program
    # that needs them is told so by the compiler.
    "EVENT2_TAG_H_INCLUDED_",
    "EVENT2_TAG_COMPAT_H_INCLUDED_",
    "encode_int",
    "encode_int64",
    # sys/queue.h's macros, which libevent defines for a moment, and what it
    # remembers that by.
    "LIST_ENTRY",
    "LIST_HEAD",
    "TAILQ_ENTRY",
    "TAILQ_HEAD",
    "EVENT_DEFINED_LISTENTRY_",
    "EVENT_DEFINED_LISTHEAD_",
    "EVENT_DEFINED_TQENTRY_",
    "EVENT_DEFINED_TQHEAD_",
}

# Macros that are ours alone: guards of headers that include more than
# libevent's do, because libevent's do not compile alone.
EXTRA_MACROS = re.compile(r"(EVENT2|EVOKE)_\w+_H_(INCLUDED_)?$|_?STD\w+_H_?$")

SYSTEM = "/usr/include/"
GCC = ["gcc", "-std=gnu11", "-x", "c"]


def run_gcc(header, *options):
    """What gcc prints on stdout for a file that includes `header` alone."""
    result = subprocess.run(
        GCC + list(options) + ["-"],
        input="#include <%s>\n" % header,
        check=True,
        stdout=subprocess.PIPE,
        universal_newlines=True)
    return result.stdout


def is_libevent_path(path):
    """Whether a header is libevent's, or ours in its place."""
    return re.search(r"/event2/[\w-]+\.h$|/(event|evutil)\.h$", path)


def normalise_macro(definition):
    """A macro's parameters and body without the freedom of spelling."""
    name, rest = re.match(r"(\w+)(.*)", definition).groups()
    parameters, body = "", rest
    if rest.startswith("("):
        parameters, body = re.match(r"(\([^)]*\))(.*)", rest).groups()
    return name, re.sub(r"\s", "", parameters), re.sub(r"\s", "", body)


class Headers:
    """What a tree of headers declares. `options` lead the compiler there."""

    def __init__(self, *options):
        self.options = options

    def functions(self, header):
        """name -> prototype without the parameters' names."""
        with tempfile.NamedTemporaryFile("r") as out:
            run_gcc(header, "-fsyntax-only", "-aux-info", out.name,
                    *self.options)
            text = out.read()
        found = {}
        for path, prototype in re.findall(
                r"^/\* (.*?):\d+:\w\w \*/ (.*)$", text, re.M):
            name = re.search(r"(\w+) \(", prototype).group(1)
            if is_libevent_path(path):
                found[name] = prototype
        return found

    def macros(self, header):
        """name -> (parameters, body), of libevent's own headers only."""
        found = {}
        ours = True
        for line in run_gcc(header, "-E", "-dD", *self.options).splitlines():
            marker = re.match(r'# \d+ "(.*?)"', line)
            if marker:
                ours = is_libevent_path(marker.group(1))
            elif ours and line.startswith("#define "):
                name, parameters, body = normalise_macro(line[8:])
                found[name] = (parameters, body)
        return found

    def system_headers(self, header):
        """Paths of all headers under /usr that come with `header`."""
        words = run_gcc(header, "-M", *self.options).replace("\\\n", " ")
        return {
            os.path.realpath(word)
            for word in words.split()
            if word.startswith("/usr/") and not is_libevent_path(word)
        }


class InterfaceTest(unittest.TestCase):
    maxDiff = None

    def test_the_headers_are_libevents(self):
        extra = set(HEADERS) - set(COMMON)
        self.assertEqual(
            sorted(h for h in extra if not h.startswith("evoke/")),
            SINCE_2_2_HEADERS)
        self.assertEqual(len(COMMON), 16)

    def test_functions_are_libevents_with_the_same_prototype(self):
        seen = set()
        for header in COMMON:
            # Some of libevent's headers do not compile alone.
            oracle = Headers("-include", "event.h").functions(header)
            for name, prototype in OURS.functions(header).items():
                if name in SINCE_2_2_FUNCTIONS:
                    self.assertNotIn(name, oracle)
                    continue
                seen.add(name)
                self.assertEqual(prototype, oracle.get(name), header)
        self.assertEqual(len(seen), 240)

    def test_functions_of_2_2_are_marked(self):
        found = {}
        for header in COMMON + SINCE_2_2_HEADERS:
            path = "%s/%s" % (ROOT, header)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            # From the head of its own comment, or that of the file, on.
            for name in SINCE_2_2_FUNCTIONS:
                if re.search(r"\b%s\(" % name, text):
                    found[name] = header
                    if header not in SINCE_2_2_HEADERS:
                        # Other comments may name it, too.
                        declared = re.search(
                            r"^\w[\w \*]*\b%s\(" % name, text, re.M)
                        comment = text[:declared.start()]
                        comment = comment[comment.rindex("/*"):]
                        self.assertIn("Since 2.2", comment, name)
                    else:
                        self.assertIn("Since 2.2", text[:text.index("#ifndef")])
        self.assertEqual(found, SINCE_2_2_FUNCTIONS)

    def test_no_function_is_missing(self):
        ours, oracle = set(), set()
        for header in COMMON:
            ours |= set(OURS.functions(header))
            oracle |= {
                name
                for name in Headers("-include", "event.h").functions(header)
                if not name.startswith(("evtag_", "encode_", "decode_"))
            }
        self.assertEqual(oracle - ours, set())

    def test_functions_are_exported_by_libevent(self):
        symbols = set()
        for library in ["libevent_core.so", "libevent_pthreads.so"]:
            path = subprocess.run(
                ["gcc", "-print-file-name=" + library],
                check=True, stdout=subprocess.PIPE,
                universal_newlines=True).stdout.strip()
            symbols.update(subprocess.run(
                ["nm", "-D", "--defined-only", path],
                check=True, stdout=subprocess.PIPE,
                universal_newlines=True).stdout.split())
        for header in COMMON:
            for name in OURS.functions(header):
                if name not in SINCE_2_2_FUNCTIONS:
                    self.assertIn(name, symbols)

    def test_macros_are_libevents(self):
        absent = set()
        for header in COMMON:
            ours = OURS.macros(header)
            oracle = Headers("-include", "event.h").macros(header)
            for name in oracle:
                if name not in ours:
                    absent.add(name)
            # Parameters are the same in number.
            for name, (parameters, _) in ours.items():
                if name in oracle:
                    self.assertEqual(
                        parameters.count(",") if parameters else -1,
                        oracle[name][0].count(",") if oracle[name][0] else -1,
                        name)
                elif name not in SINCE_2_2_MACROS:
                    self.assertRegex(name, EXTRA_MACROS)
        # Compared all at once, since "-include event.h" shows every macro.
        all_ours = OURS.macros("event.h")
        all_ours.update(OURS.macros("event2/listener.h"))
        all_ours.update(OURS.macros("event2/thread.h"))
        self.assertEqual(absent - set(all_ours), ABSENT_MACROS)
        self.assertEqual(SINCE_2_2_MACROS - set(all_ours), set())

    def test_the_same_system_headers_come_along(self):
        for header in COMMON:
            try:
                oracle = Headers().system_headers(header)
            except subprocess.CalledProcessError:
                continue
            self.assertEqual(
                oracle - OURS.system_headers(header), set(), header)

    def test_errors_keep_their_values_after_a_system_header(self):
        # Without _GNU_SOURCE netdb.h does not name all errors. libevent's
        # macros then are numbers that evutil_getaddrinfo() never returns.
        def errors(headers, prefix):
            text = run_gcc("netdb.h", "-E", "-P", *prefix, *headers.options,
                           "-include", "event2/util.h", "-dD")
            defined = dict(re.findall(r"^#define (\w+) (\S+)", text, re.M))
            return {
                name: defined.get(value, value)
                for name, value in defined.items()
                if name.startswith("EVUTIL_EAI_")
            }

        late = ["-include", "stdio.h"]
        self.assertEqual(len(errors(OURS, [])), 12)
        self.assertEqual(errors(OURS, late), errors(OURS, []))
        self.assertEqual(errors(OURS, []), errors(Headers(), []))
        self.assertNotEqual(errors(Headers(), late), errors(Headers(), []))


if __name__ == "__main__":
    paths = sys.argv[1:]
    del sys.argv[1:]
    ROOT = re.match(r"(.*?include)/", paths[0]).group(1)
    HEADERS = [path[len(ROOT) + 1:] for path in paths]
    COMMON = [h for h in HEADERS if os.path.exists(SYSTEM + h)]
    OURS = Headers("-I" + os.path.abspath(ROOT))
    unittest.main()
