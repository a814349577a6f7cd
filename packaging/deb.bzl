# SPDX-License-Identifier: BSD-3-Clause
#
# deb_package(): a Debian package of what //:install installs, evoke-run and the
# docs, built by build_deb.sh.

# What users install is optimised, however the tests around it are built.
def _optimised_impl(settings, attr):
    return {"//command_line_option:compilation_mode": "opt"}

_optimised = transition(
    implementation = _optimised_impl,
    inputs = [],
    outputs = ["//command_line_option:compilation_mode"],
)

# Bazel's name of a processor -> Debian's.
_ARCHITECTURES = {
    "aarch64": "arm64",
    "k8": "amd64",
}

def _deb_package_impl(ctx):
    cpu = ctx.attr.cpu
    architecture = _ARCHITECTURES.get(cpu)
    if not architecture:
        fail("no name of Debian's for the processor %s" % cpu)
    deb = ctx.actions.declare_file("%s_%s_%s.deb" % (ctx.attr.package, ctx.attr.version, architecture))

    # The installer looks for its files in a tree of runfiles; build_deb.sh lays
    # one out from "PATH<TAB>PATH IN THE TREE" lines.
    install = ctx.attr.install[0][DefaultInfo]
    program = ctx.attr.program[0][DefaultInfo]
    files = depset(transitive = [install.files, install.default_runfiles.files, program.files])
    lines = ["%s\t%s" % (f.path, f.short_path) for f in files.to_list() if not f.is_source or f.basename != "BUILD"]
    documents = ctx.files.documents
    lines += ["%s\tdocuments/%s" % (f.path, f.basename) for f in documents]
    manifest = ctx.actions.declare_file(ctx.label.name + ".manifest")
    ctx.actions.write(manifest, "".join([line + "\n" for line in lines]))

    ctx.actions.run(
        executable = ctx.executable._builder,
        arguments = [
            manifest.path,
            deb.path,
            ctx.attr.package,
            ctx.attr.version,
            architecture,
            str(ctx.attr.source_date_epoch),
        ],
        inputs = depset([manifest] + documents, transitive = [files]),
        outputs = [deb],
        mnemonic = "EvokeDeb",
        use_default_shell_env = True,
        progress_message = "Packaging %s" % deb.short_path,
    )
    return [DefaultInfo(files = depset([deb]), runfiles = ctx.runfiles(files = [deb]))]

_deb_package = rule(
    implementation = _deb_package_impl,
    attrs = {
        "cpu": attr.string(mandatory = True),
        "documents": attr.label_list(allow_files = True),
        "install": attr.label(mandatory = True, cfg = _optimised),
        "package": attr.string(mandatory = True),
        "program": attr.label(mandatory = True, cfg = _optimised),
        "source_date_epoch": attr.int(mandatory = True, doc = "seconds since 1970, of every file"),
        "version": attr.string(mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
        "_builder": attr.label(
            default = "//packaging:build_deb",
            executable = True,
            cfg = "host",
        ),
    },
)

def deb_package(name, **kwargs):
    """PACKAGE_VERSION_ARCHITECTURE.deb, for the processor that is built for."""
    _deb_package(
        name = name,
        cpu = select({
            "@bazel_tools//src/conditions:linux_aarch64": "aarch64",
            "//conditions:default": "k8",
        }),
        # A package has no room for sanitizers' runtimes.
        tags = ["nosan"],
        **kwargs
    )
