# SPDX-License-Identifier: BSD-3-Clause
#
# Targets as somebody builds them who wants to debug: with -g, and not stripped.

def _with_debug_information_impl(settings, attr):
    return {
        "//command_line_option:compilation_mode": attr.mode,
        "//command_line_option:copt": settings["//command_line_option:copt"] + ["-g"],
        "//command_line_option:strip": "never",
    }

_with_debug_information = transition(
    implementation = _with_debug_information_impl,
    inputs = ["//command_line_option:copt"],
    outputs = [
        "//command_line_option:compilation_mode",
        "//command_line_option:copt",
        "//command_line_option:strip",
    ],
)

def _debug_build_impl(ctx):
    files = depset(transitive = [
        target[DefaultInfo].files
        for target in ctx.attr.targets
    ])
    return [DefaultInfo(files = files, runfiles = ctx.runfiles(transitive_files = files))]

debug_build = rule(
    implementation = _debug_build_impl,
    doc = "The files of `targets`, built with `--compilation_mode=MODE --copt=-g --strip=never`.",
    attrs = {
        "mode": attr.string(mandatory = True, values = ["dbg", "opt"]),
        "targets": attr.label_list(mandatory = True, cfg = _with_debug_information),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
)
