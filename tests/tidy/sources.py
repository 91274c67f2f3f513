"""The files of a workspace as its checks see them."""

import os
import re

# Folders that are not ours to judge: version control, build outputs, results of runs.
_SKIPPED = {".git", ".cache", "out", "node_modules", "__pycache__"}


def workspace_root():
    """The real workspace behind a test's runfiles.

    A test sees only the files that it declares, and a check that sees only what is declared cannot tell what was forgotten. So the checks over the
    whole tree run locally and follow the one file they declare, WORKSPACE, to where it really is.
    """
    return os.path.dirname(os.path.realpath("WORKSPACE"))


def walk(root):
    """Paths of all files below root, relative to it, in a fixed order."""
    for folder, folders, files in os.walk(root):
        relative = os.path.relpath(folder, root)
        folders[:] = sorted(f for f in folders if f not in _SKIPPED and not (relative == "." and f.startswith("bazel-")))
        for name in sorted(files):
            path = os.path.normpath(os.path.join(relative, name))
            if not os.path.islink(os.path.join(root, path)):
                yield path


def read(root, path):
    """The text of a file; bytes that are not UTF-8 become surrogates, which no check takes for anything else."""
    with open(os.path.join(root, path), encoding="utf-8", errors="surrogateescape", newline="") as file:
        return file.read()


_TOKEN = re.compile(
    r"//(?:[^\n\\]|\\.)*"
    r"|/\*.*?\*/"
    r'|R"(?P<fence>[^(\s\\]{0,16})\(.*?\)(?P=fence)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'",
    re.DOTALL,
)


def code_only(text):
    """C++ with comments and the contents of literals blanked; lines and columns stay where they are."""

    def blank(match):
        token = match.group(0)
        keep = 1 if token[0] in "\"'" else 0
        inner = re.sub(r"[^\n]", " ", token[keep : len(token) - keep])
        return token[:keep] + inner + token[len(token) - keep :]

    return _TOKEN.sub(blank, text)


def line_of(text, index):
    """The number of the line that holds the character at index."""
    return text.count("\n", 0, index) + 1
