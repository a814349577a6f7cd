# SPDX-License-Identifier: BSD-3-Clause
#
# The repositories that evoke builds with. All of them wrap what Debian's
# packages installed, so nothing is downloaded.

load("//third_party:absl.bzl", "debian_absl")
load("//third_party:generated.bzl", "generated_repository")

_PUBLIC = 'package(default_visibility = ["//visibility:public"])\n'

_RULES_CC = """
def cc_binary(**kwargs):
    native.cc_binary(**kwargs)

def cc_library(**kwargs):
    native.cc_library(**kwargs)

def cc_test(**kwargs):
    native.cc_test(**kwargs)

def cc_import(**kwargs):
    native.cc_import(**kwargs)

def cc_proto_library(**kwargs):
    native.cc_proto_library(**kwargs)

def cc_toolchain(**kwargs):
    native.cc_toolchain(**kwargs)

def cc_toolchain_suite(**kwargs):
    native.cc_toolchain_suite(**kwargs)

def objc_library(**kwargs):
    native.objc_library(**kwargs)
"""

_RULES_JAVA = """
def java_binary(**kwargs):
    native.java_binary(**kwargs)

def java_import(**kwargs):
    native.java_import(**kwargs)

def java_library(**kwargs):
    native.java_library(**kwargs)

def java_proto_library(**kwargs):
    native.java_proto_library(**kwargs)

def java_runtime(**kwargs):
    native.java_runtime(**kwargs)

def java_toolchain(**kwargs):
    native.java_toolchain(**kwargs)
"""

_RULES_PROTO = """
def proto_library(**kwargs):
    native.proto_library(**kwargs)

def proto_lang_toolchain(**kwargs):
    native.proto_lang_toolchain(**kwargs)
"""

# Only `bazel coverage` runs these; they exist so that the labels resolve.
_COVERAGE_TOOLS = _PUBLIC + """
[sh_binary(
    name = name,
    srcs = ["unavailable.sh"],
) for name in [
    "coverage_report_generator",
    "lcov_merger",
]]
"""

_COVERAGE_SCRIPT = """#!/bin/sh
echo "coverage tools are not part of this build" >&2
exit 1
"""

_ORACLE = _PUBLIC + """
[cc_library(
    name = name,
    linkopts = ["-l" + name],
) for name in [
    "event",
    "event_core",
    "event_extra",
]]

cc_library(
    name = "event_pthreads",
    linkopts = ["-levent_pthreads"],
    deps = [":event_core"],
)
"""

# Libraries that only examples/models needs, each target of which is `manual`:
# repository -> (target, linker flags, a header of it, Debian's package).
_MODEL_LIBRARIES = {
    "ace_debian": ("ace", ["-lACE"], "ace/Reactor.h", "libace-dev"),
    "asio_debian": ("asio", ["-pthread"], "asio.hpp", "libasio-dev"),
    "libev_debian": ("ev", ["-lev"], "ev.h", "libev-dev"),
    "liburing_debian": ("uring", ["-luring"], "liburing.h", "liburing-dev"),
    "libuv_debian": ("uv", ["-luv"], "uv.h", "libuv1-dev"),
    "nanomsg_debian": ("nanomsg", ["-lnanomsg"], "nanomsg/nn.h", "libnanomsg-dev"),
    "zeromq_debian": ("zmq", ["-lzmq"], "zmq.h", "libzmq3-dev"),
}

# Programs that a target runs, by the name by which it knows them:
# repository -> (name, where it is, Debian's package).
_MODEL_PROGRAMS = {
    "mingw_debian": ("g++", "/usr/bin/x86_64-w64-mingw32-g++", "g++-mingw-w64-x86-64"),
    "wine_debian": ("wine64", "/usr/lib/wine/wine64", "wine64"),
}

def _library(target, linkopts):
    return _PUBLIC + 'cc_library(name = "%s", linkopts = %r)\n' % (target, linkopts)

def evoke_bazel_builtins():
    """Stands in for the repositories that Bazel itself would download.

    Bazel's own tools load a few rules from rules_cc, rules_java and
    rules_proto; the native rules behind those names are all they need.
    """
    generated_repository(
        name = "rules_cc",
        files = {"cc/BUILD": "", "cc/defs.bzl": _RULES_CC},
    )
    generated_repository(
        name = "rules_java",
        files = {"java/BUILD": "", "java/defs.bzl": _RULES_JAVA},
    )
    generated_repository(
        name = "rules_proto",
        files = {"proto/BUILD": "", "proto/defs.bzl": _RULES_PROTO},
    )
    generated_repository(
        name = "remote_coverage_tools",
        files = {"BUILD": _COVERAGE_TOOLS, "unavailable.sh": _COVERAGE_SCRIPT},
    )

def evoke_dependencies():
    """What evoke's targets depend on, unless the workspace has it already.

    The library itself needs @com_google_absl only; the rest is for tests,
    benchmarks and the comparison with Debian's libevent.
    """
    existing = native.existing_rules()
    if "com_google_absl" not in existing:
        debian_absl(name = "com_google_absl")
    if "com_google_googletest" not in existing:
        native.new_local_repository(
            name = "com_google_googletest",
            build_file = "@evoke//third_party:googletest.BUILD",
            path = "/usr/src/googletest",
        )
    # Debian's libevent, which evoke is compared with. Its headers are those of
    # /usr/include: a target that depends on it must not also depend on
    # //include:headers.
    if "libevent_debian" not in existing:
        generated_repository(
            name = "libevent_debian",
            files = {"BUILD": _ORACLE},
            needs = {"/usr/include/event2/event.h": "libevent-dev"},
        )
    for name, (target, linkopts, header, package) in _MODEL_LIBRARIES.items():
        if name not in existing:
            generated_repository(
                name = name,
                files = {"BUILD": _library(target, linkopts)},
                needs = {"/usr/include/" + header: package},
            )
    for name, (target, path, package) in _MODEL_PROGRAMS.items():
        if name not in existing:
            generated_repository(
                name = name,
                files = {
                    "BUILD": _PUBLIC + 'exports_files(["%s"])\n' % target,
                    target: '#!/bin/sh\nexec %s "$@"\n' % path,
                },
                needs = {path: package},
            )
