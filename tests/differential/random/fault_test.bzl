# SPDX-License-Identifier: BSD-3-Clause
#
# A test that plants one fault in the library and wants it found.
#
# Only the file with the fault is compiled again. Its object stands in front of
# the library's archive and has all symbols of the original, so the linker
# never takes that one.
load("//tools:build_defs.bzl", "EVOKE_COPTS")

def fault_test(fault):
    """Declares //tests/differential/random:fault_<name>_test.

    Args:
      fault: an entry of FAULTS in faults/faults.bzl.
    """
    folder, file = fault.file.split("/")
    original = "//%s:%s" % (folder, file)
    planted = "fault_%s.cc" % fault.name
    name = "fault_%s" % fault.name

    native.genrule(
        name = name + "_source",
        testonly = True,
        srcs = [original],
        outs = [planted],
        cmd = "$(location :plant_fault) $< $@ '%s' '%s'" % (
            _quoted(fault.old),
            _quoted(fault.new),
        ),
        tools = [":plant_fault"],
    )

    # The fault is the programs' to find, not the sanitizers', and the library
    # would only be built twice more.
    native.cc_binary(
        name = name + "_runner",
        testonly = True,
        srcs = [planted],
        copts = EVOKE_COPTS + ["-w"],
        tags = ["nosan"],
        deps = [
            ":interpreter_evoke",
            "//:event_core",
            "//backends",
            "//buffer",
            "//bufferevent",
            "//event",
            "//util",
            "@com_google_absl//absl/base:core_headers",
            "@com_google_absl//absl/cleanup",
        ],
    )

    native.cc_test(
        name = name + "_test",
        size = "medium",
        args = [
            "--evoke=$(rootpath :%s_runner)" % name,
            "--libevent=$(rootpath :runner_libevent)",
            "--expect_difference",
            "--seeds=2000",
        ],
        data = [
            ":%s_runner" % name,
            ":runner_libevent",
        ],
        tags = ["nosan"],
        deps = [":driver_lib"],
    )

# For the inside of '...' in a shell command of a genrule.
def _quoted(text):
    return text.replace("'", "'\\''").replace("$", "$$")
