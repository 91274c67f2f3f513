"""Runs the pipeline of this workspace as its user would, and checks the ledger that it prints."""

import json
import os
import subprocess
import sys
import unittest

PROGRAM = os.path.abspath(sys.argv.pop(1))
WORDS = 10_000
BROKEN = WORDS // 100


class WordsTest(unittest.TestCase):
    def run_words(self, *arguments):
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def test_run(self):
        out = os.path.join(os.environ["TEST_TMPDIR"], "out")
        result = self.run_words("run", "words.textproto", "--format=json", "--out", out)
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report["accepted"], WORDS)
        self.assertEqual(report["dead_lettered"], BROKEN)
        self.assertEqual(report["settled"], WORDS - BROKEN)
        self.assertEqual(report["lost"], 0)
        self.assertEqual(report["duplicates"], 0)

    def test_lint(self):
        self.assertEqual(self.run_words("lint", "words.textproto").returncode, 0)

    def test_knows_only_its_own_stages(self):
        with open("words.textproto", encoding="utf-8") as file:
            text = file.read().replace('kind: "shout"', 'kind: "property.store"')
        path = os.path.join(os.environ["TEST_TMPDIR"], "other.textproto")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        result = self.run_words("lint", path)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertIn("property.store", result.stdout + result.stderr)


if __name__ == "__main__":
    unittest.main()
