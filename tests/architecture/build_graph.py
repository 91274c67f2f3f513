"""The targets of a workspace and what they name, read from its BUILD files.

Unlike a query it needs no list of targets to start from, so that nothing new can be forgotten. It errs on the side of seeing too much: any string
in a target that can be a label counts as an edge. What it might miss (what macros add) is checked against Bazel's own word in layers_test.py.
"""

import ast
import os


def canonical(label, package, repository="millrace"):
    """`:b` in //a → `//a:b`; `//a` → `//a:a`; labels of other repositories keep their `@name`. None for what is no label."""
    if not label or any(c in label for c in " \n\t$*,;(){}'\"<>"):
        return None
    if label.startswith("@" + repository + "//"):
        label = label[len(repository) + 1 :]
    prefix = ""
    if label.startswith("@"):
        prefix, separator, rest = label.partition("//")
        if not separator:
            return None
        label = "//" + rest
    if label.startswith("//"):
        folder, colon, name = label[2:].partition(":")
        return f"{prefix}//{folder}:{name if colon else os.path.basename(folder)}"
    if label.startswith(":"):
        label = label[1:]
    return f"//{package}:{label}" if label else None


def _strings(node, variables):
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        elif isinstance(part, ast.Name):
            yield from variables.get(part.id, ())


class Target:
    """What one call in a BUILD file declares."""

    def __init__(self, kind, label, line, names):
        self.kind = kind
        self.label = label
        self.line = line
        self.names = names  # labels that occur in it


def read_build(package, text):
    """The targets that a BUILD file declares: calls with a name, at any depth. A computed name is told by its line instead."""
    tree = ast.parse(text)
    variables = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            found = list(_strings(statement.value, variables))
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    variables[target.id] = found
    targets = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute))):
        name = next((k.value for k in call.keywords if k.arg == "name"), None)
        kind = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
        if name is None or kind in ("package_group", "workspace"):
            continue
        label_name = name.value if isinstance(name, ast.Constant) else f"<line {call.lineno}>"
        label = f"//{package}:{label_name}"
        rest = [k.value for k in call.keywords if k.arg not in ("name", "visibility", "tags", "args", "copts", "linkopts", "defines")]
        names = {canonical(s, package) for part in rest for s in _strings(part, variables)}
        targets.append(Target(kind, label, call.lineno, names - {None, label}))
    return targets


class Graph:
    """The targets of all BUILD files below root, and paths between them."""

    def __init__(self, root, folders):
        self.targets = {}
        for folder in folders:
            for path, _, files in os.walk(os.path.join(root, folder)):
                package = os.path.relpath(path, root)
                if "BUILD" in files and not package.startswith("tests/consumer"):
                    with open(os.path.join(path, "BUILD"), encoding="utf-8") as file:
                        self.add(package, file.read())

    def add(self, package, text):
        for target in read_build(package, text):
            self.targets[target.label] = target

    def path(self, start, is_goal):
        """The labels on a shortest path from start to a label for which is_goal holds, start not counting; None where there is none."""
        before = {start: None}
        queue = [start]
        for label in queue:
            if label != start and is_goal(label):
                path = []
                while label is not None:
                    path.append(label)
                    label = before[label]
                return path[::-1]
            for name in sorted(self.targets[label].names) if label in self.targets else ():
                if name not in before:
                    before[name] = label
                    queue.append(name)
        return None

    def closure(self, start):
        """All labels that start reaches, itself included."""
        seen, queue = {start}, [start]
        for label in queue:
            for name in self.targets[label].names if label in self.targets else ():
                if name not in seen:
                    seen.add(name)
                    queue.append(name)
        return seen
