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

# Functions of these headers that are not there yet.
ABSENT_FUNCTIONS = {
    # Debug mode, listing and counting events, finalizers.
    "event_enable_debug_mode",
    "event_debug_unassign",
    "event_base_dump_events",
    "event_base_foreach_event",
    "event_base_get_num_events",
    "event_base_get_max_events",
    "event_finalize",
    "event_free_finalize",
    # Filters and pairs.
    "bufferevent_filter_new",
    "bufferevent_pair_new",
    "bufferevent_pair_get_partner",
    # Rate limits.
    "ev_token_bucket_cfg_new",
    "ev_token_bucket_cfg_free",
    "bufferevent_set_rate_limit",
    "bufferevent_get_token_bucket_cfg",
    "bufferevent_get_read_limit",
    "bufferevent_get_write_limit",
    "bufferevent_decrement_read_limit",
    "bufferevent_decrement_write_limit",
    "bufferevent_add_to_rate_limit_group",
    "bufferevent_remove_from_rate_limit_group",
    "bufferevent_rate_limit_group_new",
    "bufferevent_rate_limit_group_free",
    "bufferevent_rate_limit_group_set_cfg",
    "bufferevent_rate_limit_group_set_min_share",
    "bufferevent_rate_limit_group_get_read_limit",
    "bufferevent_rate_limit_group_get_write_limit",
    "bufferevent_rate_limit_group_decrement_read",
    "bufferevent_rate_limit_group_decrement_write",
    "bufferevent_rate_limit_group_get_totals",
    "bufferevent_rate_limit_group_reset_totals",
}

# Macros of these headers that are not there yet, or never will be.
ABSENT_MACROS = {
    "EVENT_BASE_COUNT_ACTIVE",
    "EVENT_BASE_COUNT_ADDED",
    "EVENT_BASE_COUNT_VIRTUAL",
    "EV_RATE_LIMIT_MAX",
    # TLS is not there yet.
    "EVENT__HAVE_OPENSSL",
    "EVENT__HAVE_OPENSSL_SSL_H",
    # From the tag headers, which the old event.h does not include yet.
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
        self.assertEqual([h for h in extra if not h.startswith("evoke/")], [])
        self.assertGreaterEqual(len(COMMON), 15)

    def test_functions_are_libevents_with_the_same_prototype(self):
        seen = set()
        for header in COMMON:
            # Some of libevent's headers do not compile alone.
            oracle = Headers("-include", "event.h").functions(header)
            for name, prototype in OURS.functions(header).items():
                seen.add(name)
                self.assertEqual(prototype, oracle.get(name), header)
        self.assertGreater(len(seen), 190)

    def test_no_function_is_missing(self):
        ours, oracle = set(), set()
        for header in COMMON:
            ours |= set(OURS.functions(header))
            oracle |= {
                name
                for name in Headers("-include", "event.h").functions(header)
                if not name.startswith(("evtag_", "encode_", "decode_"))
            }
        self.assertEqual(oracle - ours, ABSENT_FUNCTIONS)

    def test_functions_are_exported_by_libevent_core(self):
        library = subprocess.run(
            ["gcc", "-print-file-name=libevent_core.so"],
            check=True, stdout=subprocess.PIPE,
            universal_newlines=True).stdout.strip()
        symbols = subprocess.run(
            ["nm", "-D", "--defined-only", library],
            check=True, stdout=subprocess.PIPE,
            universal_newlines=True).stdout.split()
        for header in COMMON:
            for name in OURS.functions(header):
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
                else:
                    self.assertRegex(name, EXTRA_MACROS)
        # Compared all at once, since "-include event.h" shows every macro.
        all_ours = OURS.macros("event.h")
        all_ours.update(OURS.macros("event2/listener.h"))
        self.assertEqual(absent - set(all_ours), ABSENT_MACROS)

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
