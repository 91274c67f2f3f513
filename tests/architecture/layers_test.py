"""The layers hold, by two witnesses.

The first reads every BUILD file and source of the real tree: nothing new can be forgotten, but it does not expand macros. The second is Bazel: genquery
gives what the roots in roots.bzl reach, macros and all, but only for those. Each is checked against the other.
"""

import os
import re
import unittest

import build_graph
import layers

ROOT = os.path.dirname(os.path.realpath("WORKSPACE"))
LAYERS = ("bus", "stages", "sim")
HERE = "tests/architecture"


def genquery(name):
    with open(f"{HERE}/{name}", encoding="utf-8") as file:
        return {line.strip() for line in file if line.strip()}


class LayersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.graph = build_graph.Graph(ROOT, LAYERS + ("ops", "tests"))

    def reached(self, layer):
        """What the layer's roots reach, in Bazel's own words."""
        return genquery(f"{layer}_reaches")

    def test_build_files(self):
        self.assertIn("//bus:bus", self.graph.targets, "the workspace was not found")
        self.assertEqual(list(layers.violations(self.graph)), [])

    def test_includes(self):
        wrong, seen = [], 0
        for layer in LAYERS:
            for folder, _, files in os.walk(os.path.join(ROOT, layer)):
                for name in files:
                    if name.endswith((".h", ".cc")):
                        with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                            wrong += layers.include_violations(os.path.relpath(os.path.join(folder, name), ROOT), file.read())
                        seen += 1
        self.assertGreater(seen, 20)
        self.assertEqual(wrong, [])

    def test_bazel_agrees(self):
        for layer in LAYERS:
            wrong = []
            for label in self.reached(layer):
                for who, forbidden, words in layers.RULES:
                    if who(f"//{layer}:") and forbidden(label):
                        wrong.append(f"{words}: //{layer} reaches {label}")
            self.assertEqual(wrong, [], f"find the way with: bazel query 'somepath(//{layer}/..., LABEL)'")

    def test_bazel_finds_what_is_there(self):
        # Were the queries empty or the labels spelled otherwise, the test above could not fail.
        found = genquery("control_reaches")
        for label in layers.BROKER_CLIENTS:
            self.assertIn(label, found)
        self.assertIn("//bus:bus", found)
        self.assertIn("//bus:bus", self.reached("bus"))

    def test_roots_cover_every_package(self):
        for layer in LAYERS:
            reached = {label.split(":")[0] for label in self.reached(layer)}
            for label, target in sorted(self.graph.targets.items()):
                package = label.split(":")[0]
                production = target.kind.endswith("_library") and not re.search(r"_(test|testing|benchmark)", label)
                if production and (package == f"//{layer}" or package.startswith(f"//{layer}/")):
                    self.assertIn(package, reached, f"add a target of {package} to {HERE}/roots.bzl")

    def test_bazel_sees_nothing_that_the_reader_missed(self):
        for layer in LAYERS:
            known = set().union(*(self.graph.closure(label) for label in self.graph.targets)) if self.graph.targets else set()
            for label in self.reached(layer):
                # Rules only: files that a macro names are no way to another layer.
                if label.startswith(tuple(f"//{l}" for l in LAYERS)) and "." not in label.split(":")[1]:
                    self.assertIn(label, known, "a macro hides this target: teach build_graph.py, or name it in the BUILD file")


if __name__ == "__main__":
    unittest.main()
