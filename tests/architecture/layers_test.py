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
# The roots of roots.bzl, and the package for which they stand.
QUERIES = {"bus": "//bus:", "fault_test": "//ops:sim_main", "property": "//stages/property:", "sim": "//sim:", "stages": "//stages:"}
HERE = "tests/architecture"


def genquery(name):
    with open(f"{HERE}/{name}", encoding="utf-8") as file:
        return {line.strip() for line in file if line.strip()}


class LayersTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.graph = build_graph.Graph(ROOT, LAYERS + ("ops", "tests"))

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
        for query, package in QUERIES.items():
            wrong = []
            for label in sorted(genquery(f"{query}_reaches")):
                for who, forbidden, words in layers.RULES:
                    if who(package) and forbidden(label):
                        wrong.append(f"{words}: {package} reaches {label}")
            self.assertEqual(wrong[:5], [], f"{len(wrong)} in all; find the way with: bazel query 'somepath({package}all, LABEL)'")

    def test_bazel_finds_what_is_there(self):
        # Were the queries empty or the labels spelled otherwise, the test above could not fail.
        found = genquery("control_reaches")
        for label in layers.BROKER_CLIENTS:
            self.assertIn(label, found)
        self.assertIn("//bus:bus", found)
        self.assertIn("//bus:bus", genquery("bus_reaches"))
        self.assertIn("//stages:worker", genquery("stages_reaches"))

    def test_roots_cover_every_package(self):
        reached = {label.split(":")[0] for query in QUERIES for label in genquery(f"{query}_reaches")}
        for label, target in sorted(self.graph.targets.items()):
            production = target.kind.endswith("_library") and not re.search(r"_(test|testing|benchmark)", label)
            if production and label.startswith(tuple(f"//{layer}{end}" for layer in LAYERS for end in "/:")):
                package = label.split(":")[0]
                self.assertTrue(package in reached, f"add a target of {package} to {HERE}/roots.bzl")

    def test_bazel_sees_nothing_that_the_reader_missed(self):
        known = set(self.graph.targets).union(*(target.names for target in self.graph.targets.values()))
        for query in QUERIES:
            for label in sorted(genquery(f"{query}_reaches")):
                # Rules only: files that a macro names are no way to another layer.
                if label.startswith(tuple(f"//{layer}" for layer in LAYERS)) and "." not in label.split(":")[1]:
                    self.assertTrue(label in known, f"a macro hides {label}: teach build_graph.py, or name it in the BUILD file")


if __name__ == "__main__":
    unittest.main()
