"""docs/reference/anomalies.md against the checkers: what it names is there, each promise is named, and so is each failure of log-consistency."""

import pathlib
import re
import unittest

PAGE = pathlib.Path("docs/reference/anomalies.md")
FOLDER = pathlib.Path("sim/checkers")

PROMISE = re.compile(r'^const Checker k\w+ = \{\s*\.name = "([a-z-]+)"', re.MULTILINE)
TOLD = re.compile(r"`([a-z-]+)(?:: ([^`]+))?`")
# In the parts of log-consistency every failure is added by name.
ADDED = re.compile(r'\b(?:Add|add)\(\s*"([^"]+)"')


def sources(pattern):
    return "".join(path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob(pattern)) if "_test" not in path.name)


class AnomaliesPageTest(unittest.TestCase):
    def setUp(self):
        lines = PAGE.read_text(encoding="utf-8").splitlines()
        rows = [line.strip("|").split("|") for line in lines if line.startswith("|") and not line.startswith("|---")]
        self.told = [told for row in rows for told in TOLD.findall(row[-1])]
        self.promises = set(PROMISE.findall(sources("*.cc")))

    def test_what_it_names_is_there(self):
        text = sources("*.cc")
        self.assertGreater(len(self.told), 30)
        for promise, signature in self.told:
            self.assertIn(promise, self.promises)
            if signature:
                self.assertIn('"%s"' % signature, text)

    def test_each_promise_is_named(self):
        self.assertGreater(len(self.promises), 20)
        self.assertEqual(self.promises - {promise for promise, _ in self.told}, set())

    def test_each_failure_of_log_consistency_is_named(self):
        added = set(ADDED.findall(sources("log_*.cc")))
        self.assertGreater(len(added), 10)
        self.assertEqual(added - {signature for promise, signature in self.told if promise == "log-consistency"}, set())


if __name__ == "__main__":
    unittest.main()
