"""Everything a workspace needs to build Millrace or to depend on it.

    local_repository(name = "millrace", path = "…")     # or git_repository, http_archive; the name is fixed
    load("@millrace//third_party:deps.bzl", "millrace_deps")
    millrace_deps()

and in .bazelrc, as Millrace is C++20 (tests/consumer/.bazelrc): build --cxxopt=-std=c++20 --host_cxxopt=-std=c++20

Each repository is declared only where the caller has not declared one of that name before, so each can be replaced: declare yours first.
Nothing here needs the network: the repositories are the folders of Debian packages, listed in third_party/packages.txt.
"""

# Rules that Debian packages: name → (folder, package).
_DEBIAN_RULES = {
    "bazel_skylib": ("/usr/share/bazel/tools/skylib", "bazel-skylib"),
    "platforms": ("/usr/share/bazel/tools/platforms", "bazel-platforms"),
    "rules_java": ("/usr/share/bazel/rules/java", "bazel-rules-java"),
    "rules_proto": ("/usr/share/bazel/rules/proto", "bazel-rules-proto"),
}

# Repositories that Bazel's own tools load and Debian has not, or not for this Bazel: ours, by a file in their root.
_OWN_RULES = {
    "remote_coverage_tools": "//third_party/remote_coverage_tools:WORKSPACE",
    "rules_cc": "//third_party/rules_cc:WORKSPACE",
}

# Debian's libraries under /usr, with a BUILD file of ours.
_LIBRARIES = {
    "com_google_protobuf": "//third_party:protobuf.BUILD",
    "system": "//third_party:system.BUILD",
}

def _linked_repository_impl(ctx):
    if ctx.attr.anchor:
        root = ctx.path(ctx.attr.anchor).dirname
    else:
        root = ctx.path(ctx.attr.path)
        if not root.exists:
            fail("\n\nThe Debian package {package} is missing ({path} is not there).\nRun ops/setup, or: apt-get install {package}\n".format(
                package = ctx.attr.package,
                path = ctx.attr.path,
            ))
    for child in root.readdir():
        ctx.symlink(child, child.basename)

# A repository whose top-level entries are links to those of a folder. Unlike local_repository it can take the folder from another repository
# (where Millrace is an external one, a path relative to the workspace would be the user's), and says what to install.
_linked_repository = repository_rule(
    implementation = _linked_repository_impl,
    local = True,
    attrs = {
        "anchor": attr.label(doc = "A file in the folder; else `path` and `package` are given."),
        "package": attr.string(doc = "The Debian package that brings the folder."),
        "path": attr.string(doc = "The folder, absolute."),
    },
)

def millrace_deps():
    """Declares the repositories that Millrace needs, unless the caller has declared them before."""
    existing = native.existing_rules()
    for name, (path, package) in _DEBIAN_RULES.items():
        if name not in existing:
            _linked_repository(name = name, path = path, package = package)
    for name, anchor in _OWN_RULES.items():
        if name not in existing:
            _linked_repository(name = name, anchor = Label(anchor))
    for name, build_file in _LIBRARIES.items():
        if name not in existing:
            native.new_local_repository(name = name, path = "/usr", build_file = "@millrace" + build_file)
