# SPDX-License-Identifier: BSD-3-Clause
#
# A repository made of files that are written down in the workspace.

def _generated_repository_impl(ctx):
    for path, package in ctx.attr.needs.items():
        if not ctx.path(path).exists:
            fail("%s is missing: install Debian's %s, or build through BAZELW_EXTRA=%s ./bazelw" % (path, package, package))
    ctx.file("WORKSPACE", 'workspace(name = "%s")\n' % ctx.name)
    for path, content in ctx.attr.files.items():
        ctx.file(path, content)

generated_repository = repository_rule(
    implementation = _generated_repository_impl,
    attrs = {
        "files": attr.string_dict(mandatory = True, doc = "path -> content"),
        "needs": attr.string_dict(doc = "system file that must exist -> Debian package that has it"),
    },
    local = True,
)
