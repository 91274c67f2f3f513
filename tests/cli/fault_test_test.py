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

    def test_bad_arguments(self):
        for share in ("7", "-1", "nan"):
            self.assertIn("--max-dead-share", self.run_test(f"--max-dead-share={share}", code=2).stderr)
        self.assertIn("--min-seeds", self.run_test("--min-seeds=-1", code=2).stderr)
        self.assertIn("--budget-seconds", self.run_test("--budget-seconds=inf", code=2).stderr)
        self.assertIn("port-slow can never strike here", self.run_test("--faults=port-slow", code=2).stderr)

    def test_a_corpus_plan_that_went_stale(self):
        plan = ('version: 1\nexpect { promise: "no-loss" signature: "lost" }\nFIRES'
                'fault { id: 1 kind: "crash" at: "900s" target: 0 }\njob { id: 1 }\n')
        for fires, says in (('fires: "crash"\n', "the plan has gone stale: .* strike nothing now: crash; .* --plan stale.plan --renew"),
                            ("", "none of the plan's faults strikes anything, so it shows nothing; ")):
            (self.folder / "stale.plan").write_text(plan.replace("FIRES", fires), encoding="utf-8")
            result = self.run_test("--min-seeds=5", "--corpus=stale.plan", code=1)
            self.assertRegex(result.stdout, "(?m)^finding: stale.plan: " + says)
        (self.folder / "good.plan").write_text(plan.replace("900s", "1ms").replace("FIRES", 'fires: "crash"\n'), encoding="utf-8")
        self.run_test("--min-seeds=5", "--corpus=good.plan")

    def test_an_old_corpus_plan_that_does_not_say_what_must_strike(self):
        two = ('version: 1\nexpect { promise: "no-loss" signature: "lost" }\nFIRES'
               'fault { id: 1 kind: "crash" at: "1ms" target: 0 }\nfault { id: 2 kind: "crash" at: "LATER" target: 1 }\njob { id: 1 }\n')
        old = self.folder / "old.plan"
        old.write_text(two.replace("FIRES", "").replace("LATER", "2ms"), encoding="utf-8")
        result = self.run_test("--min-seeds=5", "--corpus=old.plan")
        self.assertRegex(result.stdout, r"(?m)^old\.plan: holds; once broken was no-loss\n"
                         r"old\.plan: what strikes is crash \(2\); the plan does not say that it must: .* --plan old\.plan --renew writes it there$")
        subprocess.run([PROGRAM, "sim", PIPELINE, "--plan=old.plan", "--renew"], check=True, capture_output=True, cwd=self.folder)
        self.assertIn('fires: ["crash", "crash"]', old.read_text(encoding="utf-8"))
        self.assertNotIn("what strikes", self.run_test("--min-seeds=5", "--corpus=old.plan").stdout)
        # One of two is less than what it was kept for.
        old.write_text(two.replace("FIRES", 'fires: ["crash", "crash"]\n').replace("LATER", "900s"), encoding="utf-8")
        self.assertRegex(self.run_test("--min-seeds=5", "--corpus=old.plan", code=1).stdout,
                         r"(?m)^finding: old\.plan: the plan has gone stale: .* strike nothing now: crash \(1 of 2 still do\);")

    def test_a_range_that_there_was_no_time_for(self):
        result = self.run_test(code=1, MILLRACE_FIRST_SEED="500", MILLRACE_SEEDS="100000000", MILLRACE_BUDGET_SECONDS="1")
        runs = self.seeds(result)[0]
        self.assertIn(f" of the 100,000,000 seeds that MILLRACE_SEEDS asks for: go on with MILLRACE_FIRST_SEED={500 + runs} "
                      f"MILLRACE_SEEDS={100000000 - runs}, or give it more time by MILLRACE_BUDGET_SECONDS", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^[\d,]+ seeds \(stopped before the end\)")

    def test_a_bad_environment(self):
        for name, value in (("MILLRACE_SEEDS", "0"), ("MILLRACE_SEEDS", "many"), ("MILLRACE_FIRST_SEED", "-1"),
                            ("MILLRACE_BUDGET_SECONDS", "1.5")):
            result = self.run_test(code=2, **{name: value})
            self.assertIn(f"{name}={value}", result.stderr)
            self.assertIn("; correct it, or unset it", result.stderr)

    def test_too_few_within_the_budget(self):
        result = self.run_test("--min-seeds=100000000", "--budget-seconds=1", code=1)
        self.assertRegex(result.stdout, r"(?m)^finding: only .* were effective within the budget, .*; raise budget_seconds")

    def test_too_long_before_the_seeds(self):
        result = self.run_test("--min-seeds=5", "--budget-seconds=1.9999", code=1, TEST_TIMEOUT="2")
        self.assertRegex(result.stdout, r"(?m)^finding: what comes before the seeds has taken .* \(the last of it: looking for hidden state of stages\), "
                         r"and may take [\d.]+ µs, half of what Bazel leaves beside budget_seconds, so no seed was run; .*--test_timeout$")
        self.assertEqual(self.seeds(result), [0, 0])
        self.assertNotIn("without faults, on logs", result.stdout, "what is late is not made later")
        self.run_test("--min-seeds=5", "--budget-seconds=20", TEST_TIMEOUT="300")
        self.run_test("--min-seeds=5", MILLRACE_BUDGET_SECONDS="400", TEST_TIMEOUT="300")

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
        self.assertRegex(result.stdout, r"(?m)^  static-state: the stage relay keeps state .*: called for input job-\d+, the body of output 0 ")
        self.assertLess(result.stdout.index("about your stages"), result.stdout.find(" is broken") % len(result.stdout))

    def test_inputs_may_lie_elsewhere_for_whoever_replays(self):
        (self.folder / "made.jsonl").write_text("".join(f"job number {i}\n" for i in range(50)), encoding="utf-8")
        result = self.run_test("--min-seeds=20", "--inputs=made.jsonl", "--inputs-in-replay=bazel-bin/x/made.jsonl", *FAILING,
                               pipeline=self.with_stage("hidden"), code=1)
        self.assertIn("with 50 inputs of made.jsonl", result.stdout)
        self.assertIn("sim --inputs bazel-bin/x/made.jsonl ", result.stdout)

    def test_a_failure_leaves_its_plan_and_its_page_and_the_corpus_keeps_it(self):
        hidden = self.with_stage("hidden")
        result = self.run_test("--min-seeds=20", *FAILING, pipeline=hidden, code=1)
        self.assertRegex(result.stdout, r"(?m)^(one-id-one-content|final-state) is broken: ")
        plans = sorted(plan for plan in self.outputs.glob("*.plan") if plan.with_suffix(".html").exists())
        self.assertGreater(len(plans), 0)
        text = plans[0].read_text(encoding="utf-8")
        self.assertIn("expect {", text)
        salt = re.search(r"(?m)^salt: .*$", text)
        self.assertIn(salt.group(0) if salt else "version: 1", result.stdout, "the plan is in the log, too")
        self.assertIn(f"replay:  bazel run //x:y -- sim --promises one-id-one-content,final-state --plan ./{plans[0].name}", result.stdout)

        # Those that fail alike can be run, too.
        alike = re.search(r"(?m)^so fail \d+ more runs?:\n  (\d+):  bazel run //x:y -- (sim .* --seed \1)$", result.stdout)
        self.assertTrue((self.outputs / f"seed-{alike.group(1)}.plan").exists())
        run = subprocess.run([PROGRAM, *alike.group(2).replace("sim ", f"sim {hidden} ", 1).split()], capture_output=True, text=True,
                             check=False, cwd=self.folder)
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertIn(" is broken: ", run.stdout)

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
