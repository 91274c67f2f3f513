"""How files look: formatting, line ends, guards, indentation, and paths that documents and comments name."""

import glob
import os
import re
import subprocess

import sources

_CPP = (".h", ".cc")
_TEXT = _CPP + (".proto", ".textproto", ".py", ".bzl", ".md", ".sh", ".BUILD", ".bazelrc")
_TEXT_NAMES = {"BUILD", "WORKSPACE", ".bazelignore", ".clang-format", ".gitignore", "LICENSE"}
TOP_FOLDERS = ("bus", "stages", "sim", "ops", "tests", "docs", "third_party", ".ci")


def is_script(path, text):
    return text.startswith("#!") and "sh" in text.split("\n", 1)[0]


def is_text(path, text):
    """Whether a file is written by people; what lies in data folders is as its sources made it."""
    if "/data/" in path or "/testdata/" in path:
        return False
    return path.endswith(_TEXT) or os.path.basename(path) in _TEXT_NAMES or is_script(path, text)


def check_text(path, text):
    """Yields (line, rule, what) for any text file."""
    if not text:
        return  # an empty BUILD file makes a package
    if not text.endswith("\n"):
        yield text.count("\n") + 1, "newline", "no newline at the end of the file"
    elif text.endswith("\n\n"):
        yield text.count("\n"), "newline", "empty line at the end of the file"
    unfinished = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            yield number, "tab", "a tab"
        if line.endswith("\r"):
            yield number, "newline", "carriage return at the end of the line"
        elif line != line.rstrip():
            yield number, "space", "white space at the end of the line"
        if unfinished.search(line):
            yield number, "unfinished", "a note about unfinished work: finish it, or write an issue"
        if any("\udc80" <= c <= "\udcff" for c in line):
            yield number, "utf8", "not UTF-8"


def check_guard(path, text):
    """Headers are guarded by MILLRACE_<PATH>_H_."""
    guard = "MILLRACE_" + re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"
    for directive in ("#ifndef " + guard + "\n", "#define " + guard + "\n", "#endif  // " + guard + "\n"):
        if directive not in text:
            yield 1, "guard", f"no line '{directive.strip()}'"


_UNINSTRUMENTED = re.compile(r"\babsl\s*::\s*(?:Mutex\w*|ReaderMutexLock|WriterMutexLock|CondVar|Notification|BlockingCounter|Barrier)\b")


def check_cpp(path, text):
    """Debian's Abseil is not instrumented: the thread sanitizer takes what its locks guard for races. std's it understands."""
    code = sources.code_only(text)
    for match in _UNINSTRUMENTED.finditer(code):
        yield sources.line_of(code, match.start()), "abseil-lock", f"{match.group(0)}: use std's, which the thread sanitizer understands"


def check_build(path, text):
    """BUILD files are indented by multiples of four spaces, but for the rest of an expression, which is aligned with its beginning."""
    before = ""
    for number, line in enumerate(text.split("\n"), 1):
        indent = len(line) - len(line.lstrip(" "))
        continued = before.endswith(("+", "if", "else", "\\"))
        if indent % 4 != 0 and not continued and not line.lstrip().startswith("#"):
            yield number, "indent", f"indented by {indent} spaces"
        before = line.rstrip()


def check_bash(root, path):
    """Scripts parse."""
    result = subprocess.run(["bash", "-n", os.path.join(root, path)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        yield 1, "bash", result.stderr.strip()


def check_format(root, paths):
    """Yields (path, line, rule, what) for C++ that clang-format would change."""
    if not paths:
        return
    command = ["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", "--style=file"]
    try:
        result = subprocess.run(command + list(paths), cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        yield "third_party/packages.txt", 1, "format", "clang-format is not installed: run ops/setup"
        return
    complaints = re.findall(r"^([^:\n]+):(\d+):\d+: error:", result.stderr, re.MULTILINE)
    for path, line in complaints:
        yield path, int(line), "format", f"not formatted: clang-format -i {path}"
    if result.returncode != 0 and not complaints:
        yield ".clang-format", 1, "format", "clang-format failed: " + result.stderr.strip()[:500]


_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_QUOTED = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"^\.?[\w-][\w.*-]*(/[\w.*-]+)*/?$")


def _exists(root, path):
    return bool(glob.glob(os.path.join(root, path))) if "*" in path else os.path.exists(os.path.join(root, path))


def check_links(root, path, text):
    """Relative links in Markdown lead somewhere."""
    for match in _LINK.finditer(text):
        target = match.group(1).split("#")[0]
        if not target or re.match(r"^[a-z][a-z0-9+.-]*:", target):
            continue
        if not _exists(root, os.path.normpath(os.path.join(os.path.dirname(path), target))):
            yield sources.line_of(text, match.start()), "link", f"{target} does not exist"


def check_named_paths(root, path, text):
    """What looks like a path of this repository, in backticks, exists: files, folders, and packages of labels."""
    for match in _QUOTED.finditer(text):
        for word in match.group(1).split():
            name = word.rstrip(".,;:")
            if name.startswith("//"):
                name = name[2:].split(":")[0]
                name = name[:-4] if name.endswith("/...") else name
                if name in ("", "..."):
                    continue
            elif name.split("/")[0] not in TOP_FOLDERS or "/" not in name:
                continue
            name = re.sub(r":\d+$", "", name)
            if _PATH.match(name) and not _exists(root, name):
                yield sources.line_of(text, match.start()), "path", f"{name} does not exist"


_NAMED_FILE = re.compile(r"(?<![\w/@.-])(?:%s)/[\w/.-]*\.(?:h|cc|md|proto|py|txt|bzl|textproto)\b" % "|".join(TOP_FOLDERS))


def check_comments(root, path, text):
    """Files that a comment refers to exist: reading orders that drift lead newcomers astray."""
    for number, line in enumerate(text.split("\n"), 1):
        comment = line.find("//")
        if comment < 0:
            continue
        for name in _NAMED_FILE.findall(line[comment:]):
            if not _exists(root, name):
                yield number, "path", f"{name} does not exist"
