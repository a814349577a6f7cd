#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measures how much of the core's interface the tour calls and checks.

    api_coverage.py [--calls-only] [--at-least PERCENT] [--left-out FILE]
                    --table TABLE --audit AUDIT --library LIBRARY...
                    PROGRAM=EXPECTED...

Each PROGRAM is linked against the shared libevent_core, lazily, and runs on the
LIBRARYs (ours). AUDIT (audit.c) tells which functions it called. Then each of
them is made to do nothing and to return 0, one at a time: a function counts as
checked when some program that calls it no longer prints what its EXPECTED says.

Prints a line for each program, the functions that are called but not checked,
those that nobody calls, and the share. --left-out names functions with a reason:
exactly those that are not checked. Not 0 when that or --at-least does not hold.
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import tempfile

# A function that does nothing may leave a program waiting for ever; with all of
# them, each program takes less than a second or two.
PATIENCE_SECONDS = 60
PATIENCE_WITHOUT_SECONDS = 5
# Which calls are looked up does not depend on it; a program that asks for a
# backend notices when it gets another.
METHOD = "poll"
NO_FUNCTION = "no function at all"


def core_functions(table):
    """The functions that the libevent_core of the table exports."""
    names = set()
    with open(table) as lines:
        for line in lines:
            kind, *fields = line.rstrip("\n").split("\t")
            if kind == "export" and fields[1] == "libevent_core":
                names.add(fields[0])
    return names


class Runner:
    """Runs programs on our libraries, under the auditor."""

    def __init__(self, libraries, audit, scratch, silent):
        self.scratch = scratch
        # Functions that nobody should miss: of them a slow run is no sign.
        self.silent = silent
        self.audit = os.path.abspath(audit)
        for library in libraries:
            # libevent_core-2.1.so.7.0.1 is found as libevent_core-2.1.so.7.
            soname = os.path.basename(library)[:-len(".0.1")]
            os.symlink(os.path.abspath(library), os.path.join(scratch, soname))

    def run(self, program, patience=PATIENCE_SECONDS, **settings):
        """What `program` printed, and its exit status; None for no end."""
        environment = dict(
            os.environ,
            LD_LIBRARY_PATH=self.scratch,
            LD_AUDIT=self.audit,
            **settings)
        environment.pop("LD_BIND_NOW", None)
        try:
            done = subprocess.run(
                [os.path.abspath(program), "--method", METHOD],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=patience)
        except subprocess.TimeoutExpired:
            return None, None
        return done.stdout.decode(errors="replace"), done.returncode

    def calls(self, program, expected):
        """The functions that `program` calls."""
        log = os.path.join(self.scratch, os.path.basename(program) + ".log")
        printed = self.run(program, API_AUDIT_LOG=log)
        if printed != (expected, 0):
            sys.exit("%s does not print what it should: %s" %
                     (program, printed))
        if self.notices(program, expected, NO_FUNCTION):
            sys.exit("%s does not always print the same" % program)
        with open(log) as lines:
            return set(lines.read().split())

    def notices(self, program, expected, function):
        """Whether `program` prints something else without `function`."""
        patience = (PATIENCE_SECONDS if function in self.silent else
                    PATIENCE_WITHOUT_SECONDS)
        return self.run(program, patience,
                        API_AUDIT_SKIP=function) != (expected, 0)


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls-only", action="store_true")
    parser.add_argument("--at-least", type=float, default=0)
    parser.add_argument("--left-out")
    parser.add_argument("--table", required=True)
    parser.add_argument("--audit", required=True)
    parser.add_argument("--library", action="append", required=True)
    parser.add_argument("programs", nargs="+", metavar="PROGRAM=EXPECTED")
    return parser.parse_args()


def checked_functions(runner, programs, calls):
    """Those of the called functions whose absence some program notices."""

    def is_checked(function):
        return any(
            runner.notices(program, programs[program], function)
            for program in programs
            if function in calls[program])

    called = sorted(set().union(*calls.values()))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return {f for f, ok in zip(called, pool.map(is_checked, called)) if ok}


def names_of(path):
    """The first field of each line that is no comment."""
    with open(path) as lines:
        return {
            line.split("\t")[0].strip()
            for line in lines
            if line.strip() and not line.startswith("#")
        }


def print_names(title, names):
    """A title and a name a line, unless there are none."""
    if names:
        print("%s:\n  %s" % (title, "\n  ".join(sorted(names))))


def main():
    options = arguments()
    core = core_functions(options.table)
    programs = {}
    for pair in options.programs:
        program, expected = pair.split("=")
        with open(expected) as text:
            programs[program] = text.read()
    left_out = names_of(options.left_out) if options.left_out else set()
    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner(options.library, options.audit, scratch,
                        left_out | {NO_FUNCTION})
        calls = {p: runner.calls(p, programs[p]) & core for p in programs}
        called = set().union(*calls.values())
        checked = called
        if not options.calls_only:
            checked = checked_functions(runner, programs, calls)
    seen = set()
    for program in programs:
        print("%-28s calls %3d functions, %3d of them for the first time" %
              (os.path.basename(program), len(calls[program]),
               len(calls[program] - seen)))
        seen |= calls[program]
    print_names("called, but nobody notices when they do nothing",
                called - checked)
    print_names("not called", core - called)
    share = 100.0 * len(checked) / len(core)
    if options.calls_only:
        print("%d of the core's %d functions (%.1f %%) are called" %
              (len(called), len(core), share))
    else:
        print("%d of the core's %d functions are called, "
              "%d (%.1f %%) are checked" %
              (len(called), len(core), len(checked), share))
    fault = share < options.at_least
    if fault:
        print("that is less than %g %%" % options.at_least)
    if options.left_out:
        print_names("without a reason in %s" % options.left_out,
                    core - checked - left_out)
        print_names("with a reason that is none, in %s" % options.left_out,
                    left_out & checked)
        fault |= left_out != core - checked
    return int(fault)


if __name__ == "__main__":
    sys.exit(main())
