"""All checks over a tree of files, less what the allow-list lets pass."""

import fnmatch
import os

import determinism
import sources
import style

ALLOW_LIST = "tests/tidy/allow.txt"


def read_allow_list(text):
    """Parses `path: rule: reason` lines; path may hold * (also over /). Returns [(line, path, rule)], and complaints about bad lines."""
    entries, bad = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split(":", 2)]
        if len(parts) < 3 or not all(parts):
            bad.append((ALLOW_LIST, number, "allow", "not of the form `path: rule: reason`"))
        else:
            entries.append((number, parts[0], parts[1]))
    return entries, bad


def findings(root):
    """Yields (path, line, rule, what) for everything that is not as it should be, before the allow-list."""

    def read_header(path):
        return sources.read(root, path) if os.path.isfile(os.path.join(root, path)) else None

    to_format = []
    for path in sources.walk(root):
        if os.path.getsize(os.path.join(root, path)) > 1_000_000:
            continue  # data
        text = sources.read(root, path)
        if not style.is_text(path, text):
            continue
        checks = [style.check_text(path, text)]
        if path.endswith((".h", ".cc")):
            to_format.append(path)
            checks.append(style.check_comments(root, path, text))
            checks.append(style.check_cpp(path, text))
        if path.endswith(".h") and not path.startswith("tests/consumer/"):
            checks.append(style.check_guard(path, text))
        if determinism.is_deterministic(path):
            checks.append(determinism.check(path, text, read_header))
        if os.path.basename(path) == "BUILD" or path.endswith(".BUILD"):
            checks.append(style.check_build(path, text))
        if path.endswith(".md"):
            checks.append(style.check_links(root, path, text))
        if path in ("README.md", "ARCHITECTURE.md"):
            checks.append(style.check_named_paths(root, path, text))
        if style.is_script(path, text):
            checks.append(style.check_bash(root, path))
        for check in checks:
            for line, rule, what in check:
                yield path, line, rule, what
    yield from style.check_format(root, to_format)


def check_tree(root):
    """Everything wrong in the tree, as lines for people. Allowances that nothing needs any more are wrong too."""
    allow_path = os.path.join(root, ALLOW_LIST)
    entries, bad = read_allow_list(sources.read(root, ALLOW_LIST) if os.path.exists(allow_path) else "")
    used = set()
    for path, line, rule, what in findings(root):
        allowed = [e for e in entries if e[2] == rule and fnmatch.fnmatchcase(path, e[1])]
        used.update(allowed)
        if not allowed:
            bad.append((path, line, rule, what))
    for entry in entries:
        if entry not in used:
            bad.append((ALLOW_LIST, entry[0], "allow", f"nothing in {entry[1]} needs '{entry[2]}' any more: take the line out"))
    return [f"{path}:{line}: [{rule}] {what}" for path, line, rule, what in bad]
