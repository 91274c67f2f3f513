"""Targets for libraries that a Debian package installs under /usr."""

def _missing_package_impl(ctx):
    fail("\n\n@system//:{name} needs the Debian package {package}, which is not installed.\nRun ops/setup, or: apt-get install {package}\n".format(
        name = ctx.label.name,
        package = ctx.attr.package,
    ))

# Stands in for a library that is not installed. Only what depends on it fails, when it is built, and with words that help.
_missing_package = rule(
    implementation = _missing_package_impl,
    attrs = {"package": attr.string(mandatory = True)},
)

# The same where an executable is expected.
_missing_program = rule(
    implementation = _missing_package_impl,
    attrs = {"package": attr.string(mandatory = True)},
    executable = True,
)

def system_library(name, package, header, linkopts = [], **kwargs):
    """A cc_library for an installed library, or a target that explains what to install.

    Headers lie on the compiler's default path, so nothing is added to it; `header` only tells whether the package is there (Bazel looks
    again at each build).

    Args:
      name: the target's name.
      package: the Debian package that brings header and library.
      header: a header of it, relative to /usr/include.
      linkopts: libraries to link against, dynamically.
      **kwargs: as for cc_library.
    """
    if native.glob(["include/" + header, "include/x86_64-linux-gnu/" + header, "include/aarch64-linux-gnu/" + header]):
        native.cc_library(name = name, linkopts = linkopts, **kwargs)
    else:
        _missing_package(
            name = name,
            package = package,
            testonly = kwargs.get("testonly", False),
            visibility = kwargs.get("visibility", None),
        )

def system_program(name, package, path, **kwargs):
    """An executable target for an installed program, or a target that explains what to install.

    Args:
      name: the target's name.
      package: the Debian package that brings the program.
      path: the program, relative to /usr.
      **kwargs: as for sh_binary.
    """
    if native.glob([path]):
        native.sh_binary(name = name, srcs = [path], **kwargs)
    else:
        _missing_program(name = name, package = package, visibility = kwargs.get("visibility", None))
