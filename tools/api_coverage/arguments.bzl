# SPDX-License-Identifier: BSD-3-Clause
"""What api_coverage.py needs, for its test and for `bazel run`."""

load("//examples/tour:programs.bzl", "TOUR")

API_COVERAGE_DATA = [
    "//:libevent_core",
    "//:libevent_pthreads",
    "//tests/abi:libevent_abi.tsv",
    "//tools/api_coverage:audit.so",
] + [
    "//examples/tour:%s_libevent" % name
    for name in TOUR
] + [
    "//examples/tour:%s.expected" % name
    for name in TOUR
]

API_COVERAGE_ARGS = [
    "--table=tests/abi/libevent_abi.tsv",
    "--audit=tools/api_coverage/audit.so",
    "--library=lib/libevent_core-2.1.so.7.0.1",
    "--library=lib/libevent_pthreads-2.1.so.7.0.1",
] + [
    "examples/tour/{0}_libevent=examples/tour/{0}.expected".format(name)
    for name in TOUR
]
