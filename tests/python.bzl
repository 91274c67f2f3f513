"""Tests in Python, of the standard library only."""

def python_test(name, src, deps = [], data = [], args = [], **kwargs):
    """A test that runs a Python 3 file; the files of its folder, and those of tests/, can be imported by their names.

    Bazel's own py_test starts `python`, which Debian 12 has not.

    Args:
      name: the target's name.
      src: the file to run.
      deps: files of the same folder, and of //tests, that it imports.
      data: other files that it reads, at their paths in the workspace.
      args: what it is given on its command line.
      **kwargs: as for sh_test.
    """
    native.sh_test(
        name = name,
        srcs = ["//tests:python_test.sh"],
        args = ["$(rootpath %s)" % src] + args,
        data = [src] + deps + data,
        **kwargs
    )
