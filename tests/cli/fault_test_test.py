"""What a test of fault_injection_test runs: budgets, shards, corpora, and what the environment says."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

PROGRAM = os.path.abspath("tests/cli/sim_demo_sim")
PIPELINE = os.path.abspath("tests/example/one.textproto")
FAILING = ("--promises=one-id-one-content,final-state", "--faults=crash")
KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class FaultTestTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.outputs = self.folder / "outputs"
        self.outputs.mkdir()

    def run_test(self, *arguments, code=0, pipeline=PIPELINE, **environment):
        result = subprocess.run(
            [PROGRAM, "fault-test", pipeline, "--replay-command=bazel run //x:y -- sim", *arguments], capture_output=True,
            text=True, check=False, cwd=self.folder,
            env={name: os.environ[name] for name in KEPT if name in os.environ} |
                {"TEST_UNDECLARED_OUTPUTS_DIR": str(self.outputs)} | environment)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result

    def with_stage(self, kind):
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        path = self.folder / (kind + ".textproto")
        path.write_text(text.replace('kind: "relay"', f'kind: "{kind}"'), encoding="utf-8")
        return str(path)

    def seeds(self, result):
        return [int(number.replace(",", "")) for number in re.search(r"(?m)^([\d,]+) seeds.*, ([\d,]+) effective", result.stdout).groups()]

    def test_it_stops_when_enough_seeds_were_effective(self):
        result = self.run_test("--min-seeds=10")
        runs, effective = self.seeds(result)
        self.assertEqual(effective, 10)
        self.assertLess(runs, 100)
        self.assertEqual(list(self.outputs.iterdir()), [])

    def test_the_environment_names_the_seeds(self):
        few = self.run_test("--min-seeds=10", MILLRACE_FIRST_SEED="500", MILLRACE_SEEDS="7")
        self.assertEqual(self.seeds(few)[0], 7)
        self.assertIn("seeds from 500 on", few.stdout)

    def test_a_bad_environment(self):
        for name, value in (("MILLRACE_SEEDS", "0"), ("MILLRACE_SEEDS", "many"), ("MILLRACE_FIRST_SEED", "-1"),
                            ("MILLRACE_BUDGET_SECONDS", "1.5")):
            result = self.run_test(code=2, **{name: value})
            self.assertIn(f"{name}={value}", result.stderr)
            self.assertIn("; correct it, or unset it", result.stderr)

    def test_too_few_within_the_budget(self):
        result = self.run_test("--min-seeds=100000000", "--budget-seconds=1", code=1)
        self.assertRegex(result.stdout, r"(?m)^finding: only .* were effective within the budget, .*; raise budget_seconds")

    def test_shards_share_the_seeds(self):
        status = self.folder / "status"
        runs = []
        for shard in ("0", "1"):
            result = self.run_test(MILLRACE_SEEDS="15", TEST_TOTAL_SHARDS="2", TEST_SHARD_INDEX=shard,
                                   TEST_SHARD_STATUS_FILE=str(status))
            runs.append(self.seeds(result)[0])
        self.assertEqual(runs, [8, 7])
        self.assertTrue(status.exists(), "Bazel is told that the test knows about shards")

    def test_a_pipeline_that_settles_nothing(self):
        result = self.run_test("--min-seeds=5", pipeline=self.with_stage("refuse"), code=1)
        self.assertRegex(result.stdout, r"(?m)^finding: .*refuses all 200 inputs")

    def test_a_stage_that_is_no_function_of_its_message(self):
        result = self.run_test("--min-seeds=5", *FAILING, pipeline=self.with_stage("hidden"), code=1)
        self.assertRegex(result.stdout, r"(?m)^  static-state: ")

    def test_a_failure_leaves_its_plan_and_its_page_and_the_corpus_keeps_it(self):
        hidden = self.with_stage("hidden")
        result = self.run_test("--min-seeds=20", *FAILING, pipeline=hidden, code=1)
        self.assertRegex(result.stdout, r"(?m)^(one-id-one-content|final-state) is broken: ")
        plans = sorted(self.outputs.glob("*.plan"))
        self.assertGreater(len(plans), 0)
        self.assertTrue(plans[0].with_suffix(".html").exists())
        text = plans[0].read_text(encoding="utf-8")
        self.assertIn("expect {", text)
        salt = re.search(r"(?m)^salt: .*$", text)
        self.assertIn(salt.group(0) if salt else "version: 1", result.stdout, "the plan is in the log, too")
        self.assertIn(f"replay:  bazel run //x:y -- sim --promises one-id-one-content,final-state --plan ./{plans[0].name}", result.stdout)

        again = self.run_test("--min-seeds=5", *FAILING, f"--corpus={plans[0]}", pipeline=hidden, code=1)
        self.assertRegex(again.stdout, r"(?m)^.*\.plan: \S+ is broken, as it was once$")
        well = self.run_test("--min-seeds=5", f"--corpus={plans[0]}")
        self.assertRegex(well.stdout, r"(?m)^.*\.plan: holds; once broken was (one-id-one-content|final-state)$")

    def test_a_corpus_that_cannot_be_read(self):
        (self.folder / "bad.plan").write_text("version: 1\nfault { id: 1 kind: \"crahs\" }\n", encoding="utf-8")
        result = self.run_test("--corpus=bad.plan", code=2)
        self.assertRegex(result.stderr, r"bad\.plan:2: ")


if __name__ == "__main__":
    unittest.main()
