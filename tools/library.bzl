# SPDX-License-Identifier: BSD-3-Clause
#
# Makes from evoke's layers what a C library consists of outside Bazel: one
# archive and one shared object with libevent's soname.
#
# cc_binary(linkshared) would link libstdc++ into it; here the C compiler's
# driver, which knows of no libstdc++, is called with exactly the flags below.
# -z defs makes the link fail if anything but libc, and what `needs` names, is
# needed; a library that is loaded into a program takes the rest from that
# (`only`).

load("@bazel_tools//tools/cpp:toolchain_utils.bzl", "find_cpp_toolchain")

CLibraryInfo = provider(
    doc = "A library of c_library(), for those that are built upon it.",
    fields = {
        "objects": "set (as a dictionary) of the objects that are in it",
        "shared": "its shared object",
    },
)

def _member_name(obj, owner):
    # bufferevent/_objs/bufferevent/socket.pic.o -> bufferevent-socket.o: two
    # layers may have a file of the same name, an archive had better not.
    stem = obj.basename
    for suffix in [".pic.o", ".o"]:
        if stem.endswith(suffix):
            stem = stem[:-len(suffix)]
            break
    return "%s-%s.o" % (owner.package.replace("/", "-"), stem)

def _objects(ctx):
    """Every object of our own layers -> its name in the archive.

    Those that are in a library of `needs` are left out, and with `only` all
    that are in none of these layers.
    """
    seen = {}
    only = [layer.label for layer in ctx.attr.only]
    others = {}
    for library in ctx.attr.needs:
        others.update(library[CLibraryInfo].objects)
    for dep in ctx.attr.deps:
        for linker_input in dep[CcInfo].linking_context.linker_inputs.to_list():
            if linker_input.owner.workspace_name != ctx.label.workspace_name:
                continue
            if only and linker_input.owner not in only:
                continue
            for library in linker_input.libraries:
                for obj in library.pic_objects or library.objects or []:
                    if obj not in others:
                        seen[obj] = _member_name(obj, linker_input.owner)
    if not seen:
        fail("no objects in %s" % ctx.attr.deps)
    return seen

def _c_library_impl(ctx):
    toolchain = find_cpp_toolchain(ctx)
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )
    ar = cc_common.get_tool_for_action(
        feature_configuration = features,
        action_name = "c++-link-static-library",
    )
    driver = cc_common.get_tool_for_action(
        feature_configuration = features,
        action_name = "c++-link-dynamic-library",
    )

    objects = _objects(ctx).items()
    needed = [library[CLibraryInfo].shared for library in ctx.attr.needs]
    archive = ctx.actions.declare_file("lib/%s.a" % ctx.label.name)
    shared = ctx.actions.declare_file("lib/%s" % ctx.attr.real_name)

    ctx.actions.run_shell(
        inputs = depset([obj for obj, _ in objects], transitive = [toolchain.all_files]),
        outputs = [archive],
        arguments = [ar, archive.path] + ["%s=%s" % (name, obj.path) for obj, name in objects],
        command = """
set -eu
ar=$1 out=$2; shift 2
dir=$(mktemp -d "$out.XXXXXX"); trap 'rm -rf "$dir"' EXIT
for pair; do cp "${pair#*=}" "$dir/${pair%%=*}"; done
rm -f "$out"
"$ar" rcsD "$out" "$dir"/*.o
""",
        mnemonic = "EvokeArchive",
        use_default_shell_env = True,
        progress_message = "Archiving %s" % archive.short_path,
    )

    args = ctx.actions.args()
    args.add_all([
        "-shared",
        "-static-libgcc",
        "-Wl,-soname," + ctx.attr.soname,
        "-Wl,--version-script=" + ctx.file.version_script.path,
        "-Wl,--as-needed",
        "-Wl,-z,relro,-z,now",
        "-Wl,-Bsymbolic-functions",
        "-Wl,-O1",
    ])
    if not ctx.attr.only:
        args.add("-Wl,-z,defs")
    args.add("-o", shared)
    args.add_all([obj for obj, _ in objects])
    args.add_all(needed)
    args.add_all(ctx.attr.linkopts)
    ctx.actions.run(
        executable = driver,
        arguments = [args],
        inputs = depset(
            [obj for obj, _ in objects] + needed + [ctx.file.version_script],
            transitive = [toolchain.all_files],
        ),
        outputs = [shared],
        mnemonic = "EvokeSharedLibrary",
        use_default_shell_env = True,
        progress_message = "Linking %s" % shared.short_path,
    )
    files = depset([archive, shared])
    return [
        DefaultInfo(files = files, runfiles = ctx.runfiles(files = [archive, shared])),
        CLibraryInfo(objects = {obj: True for obj, _ in objects}, shared = shared),
    ]

c_library = rule(
    implementation = _c_library_impl,
    doc = "lib/NAME.a and lib/REAL_NAME (with soname SONAME) from the objects of `deps`.",
    attrs = {
        "deps": attr.label_list(mandatory = True, providers = [CcInfo]),
        "linkopts": attr.string_list(doc = "for the link of the shared object"),
        "needs": attr.label_list(
            providers = [CLibraryInfo],
            doc = "libraries that this one is linked with instead of containing them",
        ),
        "only": attr.label_list(
            providers = [CcInfo],
            doc = "if any, the layers that are in it; what they need of others " +
                  "belongs to the program that loads it",
        ),
        "real_name": attr.string(mandatory = True, doc = "file name of the shared object"),
        "soname": attr.string(mandatory = True),
        "version_script": attr.label(mandatory = True, allow_single_file = True),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
)

def _header_files_impl(ctx):
    headers = [
        header
        for header in ctx.attr.library[CcInfo].compilation_context.headers.to_list()
        if header.owner.workspace_name == ctx.label.workspace_name
    ]
    return [DefaultInfo(files = depset(headers), runfiles = ctx.runfiles(files = headers))]

header_files = rule(
    implementation = _header_files_impl,
    doc = "The headers of a cc_library as plain files, to be installed.",
    attrs = {"library": attr.label(mandatory = True, providers = [CcInfo])},
)
