"""`bench` as its user sees it, on the embedded bus; on real brokers it is run by ops/bench."""

import os
import re
import subprocess
import unittest

MILLRACE = os.path.abspath("ops/millrace")


def bench(*arguments):
    return subprocess.run([MILLRACE, "bench", *arguments], capture_output=True, text=True, check=False)


class BenchTest(unittest.TestCase):
    def test_a_stage_settles_all_and_tells_how_fast(self):
        for bus in ("mem:", "mem:?semantics=queue"):
            result = bench("stage", "--bus", bus, "--fill", "--count", "20000")
            self.assertEqual(result.returncode, 0, result.stderr)
            found = re.fullmatch(r"elapsed_s=(\S+) cpu_s=(\S+) messages_per_second=(\d+) settled=20000 dead=0\n", result.stdout)
            self.assertTrue(found, result.stdout)
            self.assertGreater(float(found.group(1)), 0)

    def test_fill_confirms(self):
        result = bench("fill", "--bus", "mem:", "--count", "1000", "--rate", "20000")
        self.assertEqual((result.returncode, result.stdout), (0, "confirmed=1000\n"), result.stderr)

    def test_topics_are_made_and_nothing_else(self):
        result = bench("topics", "--bus", "mem:", "--in", "orders", "--out", "marked")
        self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)
        self.assertEqual(bench("topics", "--bus", "mem:", "--partitions", "0").returncode, 2)

    def test_memory_has_nothing_but_what_it_is_given(self):
        result = bench("stage", "--bus", "mem:", "--count", "10")
        self.assertEqual(result.returncode, 2)
        self.assertIn("add --fill", result.stderr)

    def test_wrong_usage(self):
        for arguments in ([], ["stage"], ["stage", "--bus", "nonsense:", "--fill"], ["fill", "--bus", "mem:", "--count", "0"],
                          ["stage", "--bus", "mem:", "--fill", "--patience", "0"]):
            result = bench(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertTrue(result.stderr, arguments)


if __name__ == "__main__":
    unittest.main()
