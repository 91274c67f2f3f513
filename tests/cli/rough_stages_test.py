"""Stages that end the process, die, or call ports that their kinds did not name: no test passes, and it is said that it was the stage."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

BUILT = "" if os.path.exists("tests/cli/sim_demo") else "bazel-bin/"
DEMO = os.path.abspath(BUILT + "tests/cli/sim_demo")
SMALL = os.path.abspath(BUILT + "tests/cli/sim_demo_sim")
FAULT_TEST = os.path.abspath("ops/fault_test.sh")
PIPELINE = os.path.abspath("tests/example/one.textproto")
QUIET = ("--seeds=3", "--faults=crash", "--semantics=log", "--jobs=20", "--promises=no-loss")
ENDING = {"exit": "exit", "exit-at-once": "_exit", "quick-exit": "quick_exit"}
SEED = ("--seed=4", "--jobs=200", "--faults=pause")
# A seed in which the bell does not ring. Without faults all is well, and what is compared comes before all seeds.
UNHEARD = ("--first-seed=2", "--seeds=1", "--faults=port-outage", "--semantics=log", "--jobs=200", "--promises=no-loss")
DYING = {"segfault": "SIGSEGV", "deep": "its stack is used up", "deep-ringer": "its stack is used up"}


class RoughStagesTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.left = self.folder / "exited_prematurely"

    def run_program(self, command, code, **environment):
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder,
                                env={name: value for name, value in os.environ.items() if not name.startswith("TEST_")} | environment)
        if code is not None:
            self.assertEqual(result.returncode, code, f"{command}\n{result.stdout}\n{result.stderr}")
        return result

    def sim(self, *arguments, code=1, program=DEMO):
        return self.run_program([program, "sim", *arguments], code)

    def fault_test(self, pipeline, code):
        return self.run_program(["bash", FAULT_TEST, SMALL, pipeline, "--min-seeds=3", "--faults=crash", "--promises=no-loss"], code,
                                TEST_PREMATURE_EXIT_FILE=str(self.left), TEST_UNDECLARED_OUTPUTS_DIR=str(self.folder))

    def with_stage(self, kind, ports=()):
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        self.assertIn('kind: "relay"', text)
        text = text.replace('kind: "relay"', f'kind: "{kind}"') + "".join(f'port {{ name: "{name}" kind: "bell" }}\n' for name in ports)
        path = self.folder / (kind + ".textproto")
        path.write_text(text, encoding="utf-8")
        return str(path)

    # ---- the end of the process

    def test_a_stage_that_ends_the_process_is_a_finding(self):
        for kind, call in ENDING.items():
            with self.subTest(kind=kind):
                result = self.sim(self.with_stage(kind), *QUIET)
                self.assertIn("about your stages, and not about Millrace", result.stdout)
                self.assertRegex(result.stdout, r"(?m)^  process-exit: stage relay ends its process for input job-7 \(job job-7\): it calls "
                                 + call + "; return an error instead")
                self.assertRegex(result.stdout, r"(?m)^replay: .* --plan sim-failures/ended-0\.plan$")
                self.assertTrue((self.folder / "sim-failures" / "ended-0.plan").exists())

    def test_and_one_in_json(self):
        report = json.loads(self.sim(self.with_stage("exit"), *QUIET, "--format=json", program=SMALL).stdout)
        finding = report["stage_findings"][0]
        self.assertEqual([finding[key] for key in ("kind", "stage", "input", "what")], ["process-exit", "relay", "job-7", "exit"])

    def test_in_a_single_run_too(self):
        self.assertIn("process-exit: stage relay", self.sim(self.with_stage("exit-at-once"), *SEED).stdout)

    def test_a_thread_that_a_stage_has_started(self):
        result = self.sim(self.with_stage("exit-in-thread"), *QUIET)
        self.assertRegex(result.stderr, r"the process is ended \(_exit\) before the simulation has: not by Millrace, but by .* a thread that")

    def test_a_fault_test_does_not_pass(self):
        for kind in ENDING:
            with self.subTest(kind=kind):
                result = self.fault_test(self.with_stage(kind), code=1)
                self.assertIn("process-exit: stage relay ends its process for input job-7", result.stdout)
                self.assertFalse(self.left.exists(), "it is the script's to remove")

    def test_nor_where_nobody_sees_the_call(self):
        pipeline = self.with_stage("exit-unseen")
        self.assertIn("ended with code 0 before the test had", self.fault_test(pipeline, code=1).stderr)
        # Bazel's own look.
        self.run_program([SMALL, "fault-test", pipeline, "--min-seeds=3"], 0, TEST_PREMATURE_EXIT_FILE=str(self.left))
        self.assertTrue(self.left.exists())

    def test_a_fault_test_that_ends_as_it_should_leaves_nothing(self):
        self.fault_test(PIPELINE, code=0)
        self.assertFalse(self.left.exists())
        bad = self.folder / "bad.textproto"
        bad.write_text("nonsense", encoding="utf-8")
        self.fault_test(str(bad), code=2)
        self.assertFalse(self.left.exists())
        unwritable = str(self.folder / "no" / "such" / "folder" / "file")
        self.run_program(["bash", FAULT_TEST, SMALL, PIPELINE, "--min-seeds=3"], 0, TEST_PREMATURE_EXIT_FILE=unwritable)

    def test_in_runs_that_are_only_compared(self):
        out = self.sim(self.with_stage("exit-unheard", ("bell",)), *UNHEARD).stdout
        self.assertRegex(out, r"(?m)^  process-exit: stage relay ends its process for input job-\d+ \(job job-\d+\): it calls exit;")
        self.assertNotIn("without faults", out, "this comes before any run that is judged")
        self.assertRegex(out, r"(?m)^replay:  .* --plan sim-failures/ended-0\.plan$")
        again = self.sim(self.with_stage("exit-unheard", ("bell",)), "--plan=sim-failures/ended-0.plan", "--promises=no-loss").stdout
        self.assertIn("process-exit: stage relay", again)

    def test_a_stage_does_not_return_in_one_of_them(self):
        out = self.sim(self.with_stage("loop-unheard", ("bell",)), *UNHEARD).stdout
        self.assertRegex(out, r"(?m)^  endless-loop: stage relay does not return for input job-\d+ ")
        self.assertNotIn("without faults", out, "this comes before any run that is judged")
        self.assertRegex(out, r"(?m)^replay:  .* --plan sim-failures/stuck-0\.plan$")

    def test_in_a_process_of_its_own(self):
        for kind, options in (("exit", SEED), ("exit-unheard", UNHEARD)):
            with self.subTest(kind=kind):
                ports = ("bell",) if kind == "exit-unheard" else ()
                result = self.sim(self.with_stage(kind, ports), *options, "--isolate")
                self.assertEqual(result.stderr.count("stage relay ends its process for input job-"), 2, "there and here")
                self.assertNotIn("looking for hidden state", result.stdout)

    # ---- signals

    def test_a_stage_that_dies_is_named_with_its_input(self):
        for kind, how in DYING.items():
            with self.subTest(kind=kind):
                ports = ("bell",) if kind == "deep-ringer" else ()
                result = self.sim(self.with_stage(kind, ports), *SEED, code=None)
                if "Sanitizer" in result.stderr or "runtime error" in result.stderr:
                    continue  # says it in its own way
                self.assertEqual(result.returncode, -signal.SIGSEGV, result.stderr)
                # Stages that use ports are called before any seed is run.
                where = "a run without faults, in which" if ports else r"seed 4; run it alone with\n.* --seed 4"
                self.assertRegex(result.stderr, "the process dies in " + where)
                self.assertIn(f"the stage relay was running, for input job-7 ({how}): it is your stage, and not the simulator", result.stderr)

    def died(self, result):
        if "Sanitizer" in result.stderr or "runtime error" in result.stderr:
            self.skipTest("a sanitizer says it in its own way")
        self.assertEqual(result.returncode, -signal.SIGSEGV, result.stderr)
        self.assertIn("it is your stage, and not the simulator", result.stderr)

    def test_in_one_of_two_runs_that_are_compared(self):
        pipeline = self.with_stage("segfault-unheard", ("bell",))
        result = self.sim(pipeline, *UNHEARD, code=None)
        self.died(result)
        self.assertRegex(result.stderr, r"the process dies in one of two runs of a plan that are compared; run it alone with\n"
                         r".* --plan (sim-failures/died-2\.plan)\nplan:    \1\nthe stage relay was running, for input job-")
        self.died(self.sim(pipeline, "--plan=sim-failures/died-2.plan", "--promises=no-loss", code=None))

    def test_in_a_run_that_is_made_smaller(self):
        pipeline = self.with_stage("numbered")
        what = ("--promises=one-id-one-content", "--semantics=log")
        result = self.sim(pipeline, "--seeds=30", "--faults=crash", "--threads=1", *what, code=None)
        self.died(result)
        found = re.search(r"the process dies in a smaller form of seed (\d+); run it alone with\n.* --plan sim-failures/died-(\d+)\.plan\n",
                          result.stderr)
        self.assertEqual(found.group(1), found.group(2), result.stderr)
        # It is a plan like any other, that what it takes to die is not in.
        self.sim(pipeline, f"--plan=sim-failures/died-{found.group(1)}.plan", "--promises=no-loss", code=0)

    def test_a_stage_that_uses_ports_has_the_stack_that_it_has_in_production(self):
        self.sim(self.with_stage("ringer", ("bell",)), *QUIET, code=0)

    # ---- ports

    def test_a_port_that_the_kind_does_not_name(self):
        result = self.sim(self.with_stage("sly-ringer", ("bell",)), *QUIET)
        self.assertRegex(result.stdout, r"(?m)^  undeclared-port: stage relay calls a port that its kind does not name: "
                         r"name it in StageKind::ports \(bell, for input job-\d+\)")
        self.assertRegex(result.stdout, r'(?m)^finding: .*refuses all .*the port "bell" is called by a stage whose kind does not name it')
        self.assertIn("name it in StageKind::ports", result.stderr, "the linter says so before")
        self.assertNotIn("CHECK", result.stderr)

    def test_a_port_beside_those_that_it_names(self):
        report = json.loads(self.sim(self.with_stage("other-ringer", ("bell", "gong")), *QUIET, "--format=json").stdout)
        self.assertEqual([finding["kind"] for finding in report["stage_findings"]], ["undeclared-port"])
        self.assertEqual(report["stage_findings"][0]["what"], "bell")
        self.assertEqual(report["seeds"], 3, "the rest is looked at all the same")


if __name__ == "__main__":
    unittest.main()
