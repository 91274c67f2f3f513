"""The reader of BUILD files and the rules find what is planted, and leave alone what is allowed."""

import tempfile
import unittest

import build_graph
import layers


def graph(packages):
    with tempfile.TemporaryDirectory() as empty:
        result = build_graph.Graph(empty, ())
    for package, text in packages.items():
        result.add(package, text)
    return result


SHIM = """
cc_library(name = "kafka", srcs = ["kafka.cc"], deps = ["//bus", "//bus/kafka/core", "@system//:rdkafka"])
"""
CORE = """
cc_library(name = "core", deps = ["//bus"])
"""
GOOD = {
    "bus": 'cc_library(name = "bus", deps = ["@system//:absl_status"])',
    "bus/kafka": SHIM,
    "bus/kafka/core": CORE,
    "stages": 'cc_library(name = "worker", deps = ["//bus"])\ncc_test(name = "t", srcs = ["//tests:python_test.sh"])',
    "stages/property": 'cc_library(name = "property", deps = ["//stages:worker"])',
    "sim": 'cc_library(name = "sim", deps = ["//bus/kafka/core", "//stages:worker"])',
    "ops": 'cc_binary(name = "millrace", deps = ["//sim", "//bus/kafka", "//stages/property"])',
}

# (package, BUILD text that takes its place, words of the rule that must speak)
PLANTED = [
    ("stages", 'cc_library(name = "worker", deps = ["@system//:rdkafka"])', "stages never see"),
    ("stages", 'cc_library(name = "worker", deps = ["@system//:rabbitmq"])', "stages never see"),
    ("stages", 'cc_library(name = "worker", deps = ["//bus/kafka"])', "stages never see"),
    ("stages", 'cc_library(name = "worker", deps = ["@millrace//bus/kafka:kafka"])', "stages never see"),
    ("stages", 'D = ["//bus/kafka"]\ncc_library(name = "worker", deps = ["//bus"] + D)', "stages never see"),
    ("stages", 'cc_library(name = "worker", deps = select({"//x": ["//bus/kafka"]}))', "stages never see"),
    ("stages", '[cc_test(name = n + "_test", deps = ["//bus/kafka"]) for n in ["a"]]', "stages never see"),
    ("stages", 'some_macro(name = "m", parts = {"a": "//bus/kafka"})', "stages never see"),
    ("stages", 'alias(name = "a", actual = "@system//:rdkafka")\ncc_library(name = "worker", deps = [":a"])', "stages never see"),
    ("stages", 'cc_library(name = "worker", deps = ["//sim"])', "stages stand below"),
    ("stages", 'cc_library(name = "worker", deps = ["//ops:millrace"])', "stages stand below"),
    ("stages", 'cc_library(name = "worker", deps = ["//stages/property"])', "knows no pipeline"),
    ("stages/property", 'cc_library(name = "deep", deps = ["//bus/kafka"])', "stages never see"),
    ("sim", 'cc_library(name = "sim", deps = ["//bus/kafka"])', "simulator never sees"),
    ("sim", 'cc_test(name = "sim_test", deps = ["//ops:millrace"])', "simulator stands below"),
    ("ops", 'cc_library(name = "sim_main", deps = ["//bus/kafka"])', "what a fault test runs"),
    ("bus", 'cc_library(name = "bus", deps = ["//stages:worker"])', "bus stands below"),
    ("bus", 'cc_test(name = "bus_test", deps = ["//tests/anything"])', "bus stands below"),
    ("bus/kafka/core", 'cc_library(name = "core", deps = ["@system//:rdkafka"])', "core sees no client"),
]

INCLUDES = [
    ("stages/x.cc", "#include <librdkafka/rdkafka.h>\n"),
    ("stages/property/x.cc", "#include <amqp.h>\n"),
    ("stages/x.cc", '#  include "bus/kafka/shim.h"\n'),
    ("sim/x.cc", "#include <amqp_tcp_socket.h>\n"),
    ("sim/x.h", '#include "ops/main.h"\n'),
    ("bus/x.h", '#include "stages/stage.h"\n'),
    ("bus/memory/x.cc", '#include "sim/plan.h"\n'),
    ("stages/x.cc", '#include "stages/property/feed.h"\n'),
    ("bus/kafka/core/x.cc", "#include <librdkafka/rdkafka.h>\n"),
]


class PlantedTest(unittest.TestCase):
    def test_good(self):
        self.assertEqual(list(layers.violations(graph(GOOD))), [])

    def test_planted(self):
        for package, text, words in PLANTED:
            with self.subTest(text=text):
                self.assertTrue(any(words in v for v in layers.violations(graph({**GOOD, package: text}))))

    def test_says_the_way(self):
        found = list(layers.violations(graph({**GOOD, "bus/kafka/core": 'cc_library(name = "core", deps = ["@system//:rdkafka"])'})))
        self.assertIn("the simulator never sees a broker client: //sim:sim → //bus/kafka/core:core → @system//:rdkafka", found)

    def test_every_rule_has_a_plant(self):
        for _, _, words in layers.RULES:
            self.assertTrue(any(w in words for _, _, w in PLANTED), words)

    def test_includes(self):
        for path, text in INCLUDES:
            with self.subTest(path=path, text=text):
                self.assertEqual(len(list(layers.include_violations(path, text))), 1)
        for path, text in (
            ("stages/x.cc", '#include <vector>\n#include "bus/bus.h"\n#include "stages/worker.h"\n'),
            ("sim/x.cc", '#include "bus/kafka/core/core.h"\n#include "stages/property/feed.h"\n'),
            ("bus/kafka/shim.cc", "#include <librdkafka/rdkafka.h>\n"),
            ("bus/x.cc", '// #include "stages/stage.h" would be wrong\n'),
            ("ops/x.cc", '#include "sim/plan.h"\n'),
        ):
            with self.subTest(path=path):
                self.assertEqual(list(layers.include_violations(path, text)), [])

    def test_canonical(self):
        for label, expected in {
            ":b": "//p/q:b",
            "b": "//p/q:b",
            "//a": "//a:a",
            "//a/c": "//a/c:c",
            "//a:b": "//a:b",
            "@system//:x": "@system//:x",
            "@millrace//a": "//a:a",
            "--flag $(location x)": None,
            "": None,
        }.items():
            self.assertEqual(build_graph.canonical(label, "p/q"), expected)


if __name__ == "__main__":
    unittest.main()
