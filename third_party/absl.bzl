# SPDX-License-Identifier: BSD-3-Clause
#
# Abseil as Debian's libabsl-dev installs it, under upstream's labels
# (@com_google_absl//absl/strings:str_format and so on).
#
# Headers come from /usr/include. What needs linking takes Debian's shared
# libraries with --as-needed: the archives are not position independent.

# Labels that are headers alone and link nothing. These the library may use.
_HEADER_ONLY = {
    "algorithm": ["algorithm", "container"],
    "base": ["config", "core_headers", "dynamic_annotations", "endian", "errno_saver", "prefetch"],
    "cleanup": ["cleanup"],
    "functional": ["any_invocable", "bind_front", "function_ref"],
    "memory": ["memory"],
    "meta": ["type_traits"],
    "numeric": ["bits"],
    "utility": ["utility"],
}

# Labels that need Abseil's shared libraries. For tests, tools and benchmarks.
_LINKED = {
    "base": ["base", "log_severity", "raw_logging_internal"],
    "container": [
        "btree",
        "fixed_array",
        "flat_hash_map",
        "flat_hash_set",
        "inlined_vector",
        "node_hash_map",
        "node_hash_set",
    ],
    "debugging": ["debugging", "failure_signal_handler", "leak_check", "stacktrace", "symbolize"],
    "flags": ["commandlineflag", "config", "flag", "marshalling", "parse", "reflection", "usage"],
    "hash": ["hash"],
    "numeric": ["int128"],
    "random": ["bit_gen_ref", "distributions", "random", "seed_sequences"],
    "status": ["status", "statusor"],
    "strings": ["cord", "str_format", "strings"],
    "synchronization": ["synchronization"],
    "time": ["time"],
    "types": ["any", "optional", "span", "variant"],
}

_BUILD_HEAD = """package(default_visibility = ["//visibility:public"])
"""

_RULE = """
cc_library(
    name = "{name}",
    deps = {deps},
)
"""

def _debian_absl_impl(ctx):
    if not ctx.path("/usr/include/absl/base/config.h").exists:
        fail("Abseil is missing: install Debian's libabsl-dev, or build through ./bazelw")
    libraries = {}
    for directory in ctx.attr.library_directories:
        path = ctx.path(directory)
        if path.exists:
            for entry in path.readdir():
                name = entry.basename
                if name.startswith("libabsl_") and name.endswith(".so"):
                    libraries["-l" + name[len("lib"):-len(".so")]] = True
    if not libraries:
        fail("libabsl_*.so not found: install Debian's libabsl-dev, or build through ./bazelw")
    ctx.file("WORKSPACE", 'workspace(name = "%s")\n' % ctx.name)
    ctx.file("BUILD", _BUILD_HEAD + """
cc_library(
    name = "libraries",
    linkopts = [
        "-Wl,--push-state,--as-needed",
        {flags},
        "-Wl,--pop-state",
    ],
)
""".format(flags = ",\n        ".join(['"%s"' % flag for flag in sorted(libraries)])))
    packages = {}
    for package, names in _HEADER_ONLY.items():
        for name in names:
            packages.setdefault(package, []).append(_RULE.format(name = name, deps = "[]"))
    for package, names in _LINKED.items():
        for name in names:
            packages.setdefault(package, []).append(_RULE.format(name = name, deps = '["//:libraries"]'))
    for package, rules in packages.items():
        ctx.file("absl/%s/BUILD" % package, _BUILD_HEAD + "".join(rules))

debian_absl = repository_rule(
    implementation = _debian_absl_impl,
    attrs = {
        "library_directories": attr.string_list(default = [
            "/usr/lib/x86_64-linux-gnu",
            "/usr/lib/aarch64-linux-gnu",
        ]),
    },
    local = True,
)
