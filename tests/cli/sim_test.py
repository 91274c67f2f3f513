"""`sim` as its user sees it: results, exit codes, replays, stages that are not well, and what the reference says about it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

HERE = os.getcwd()
BUILT = "" if os.path.exists("tests/cli/sim_demo") else "bazel-bin/"
DEMO = os.path.abspath(BUILT + "tests/cli/sim_demo")
SMALL = os.path.abspath(BUILT + "tests/cli/sim_demo_sim")  # only simulates
MILLRACE = os.path.abspath(BUILT + "ops/millrace")
PIPELINE = os.path.abspath("tests/example/one.textproto")
VERSIONS = os.path.abspath(BUILT + "tests/example/versions_sim")
HASTY = os.path.abspath(BUILT + "tests/example/versions_hasty_sim")
PROPERTY = os.path.abspath("stages/property/property.textproto")
# What a stage does wrong shows under few promises, and they are all that these tests are about.
QUIET = ("--faults=crash", "--semantics=log", "--jobs=20", "--promises=no-loss")


class SimTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def sim(self, *arguments, code=0, pipeline=PIPELINE, program=DEMO, **kwargs):
        command = [program, "sim", *([pipeline] if pipeline else []), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder, **kwargs)
        self.assertEqual(result.returncode, code, f"{command}\n{result.stdout}\n{result.stderr}")
        return result

    def report(self, *arguments, **kwargs):
        return json.loads(self.sim(*arguments, "--format=json", **kwargs).stdout)

    def refused(self, *arguments, says, code=2, **kwargs):
        result = self.sim(*arguments, code=code, **kwargs)
        self.assertIn(says, result.stderr)
        self.assertRegex(result.stderr, r"; |--help", "it says what to do")
        self.assertEqual(list(self.folder.glob("sim-failures")), [], "nothing was begun")
        return result

    def with_stage(self, kind):
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        self.assertIn('kind: "relay"', text)
        path = self.folder / (kind + ".textproto")
        path.write_text(text.replace('kind: "relay"', f'kind: "{kind}"'), encoding="utf-8")
        return str(path)

    # ---- results

    def test_seeds(self):
        report = self.report("--seeds=60", "--threads=2")
        self.assertEqual(report["seeds"], 60)
        self.assertGreater(report["effective_seeds"], 20)
        self.assertEqual(report["failures"], [])
        self.assertEqual(report["findings"], [])
        self.assertEqual(report["stage_findings"], [])
        self.assertGreater(report["broker_events"], 1000)
        self.assertGreater(report["broker_events_per_second"], 0)
        self.assertGreater(report["seeds_per_second"], 0)
        self.assertEqual([run["accepted"] for run in report["without_faults"]], [200, 200])
        self.assertEqual([run["settled"] for run in report["without_faults"]], [200, 200])
        promises = {promise["promise"]: promise for promise in report["promises"]}
        self.assertEqual(promises["no-loss"]["checked"] + promises["no-loss"]["not_checkable"], 60)
        self.assertEqual({promise["broken"] for promise in report["promises"]}, {0})
        self.assertGreater(report["faults_fired"]["crash"], 0)
        cells = report["coverage"]["cells"]
        self.assertEqual(report["coverage"]["hit"], len([cell for cell in cells if cell["hits"]]))
        self.assertFalse((self.folder / "sim-failures").exists(), "well: nothing is left behind")

    def test_keys_of_json_keep_their_order(self):
        text = self.sim("--seeds=3", "--format=json").stdout
        keys = list(json.loads(text))
        self.assertEqual(keys[:10], ["pipeline", "inputs", "first_seed", "threads", "seeds", "effective_seeds",
                                     "min_effective", "stopped", "failures", "stage_findings"])
        self.assertEqual(text.count("\n"), 1, "one object, one line")

    def test_text(self):
        out = self.sim("--seeds=20", "--threads=1").stdout
        self.assertRegex(out, r"^simulating one \(relay, end\) with 200 inputs of its sources: seeds 1 to 20; ")
        self.assertRegex(out, r"(?m)^without faults, on logs: 200 accepted = 200 settled \+ 0 dead-lettered$")
        self.assertRegex(out, r"(?m)^  promise +checked +not checkable +broken$")
        self.assertRegex(out, r"(?m)^  no-loss +\d+ +\d+ +-$")
        self.assertRegex(out, r"(?m)^faults fired: [a-z]")
        self.assertRegex(out, r"(?m)^20 seeds, \d+ effective, 0 failures; [\d,]+ broker events \([\d,]+/s\), [\d,]+ seeds/s in ")
        self.assertNotIn("\x1b", out, "no terminal, no escapes")

    def test_threads_change_nothing_of_what_seeds_give(self):
        reports = [self.report("--seeds=40", "--first-seed=7", f"--threads={threads}") for threads in (1, 2)]
        for key in ("seeds", "effective_seeds", "broker_events", "schedule_hash", "content_hash", "faults_fired", "promises",
                    "coverage", "failures"):
            self.assertEqual(reports[0][key], reports[1][key], key)

    def test_a_range_of_seeds(self):
        both = [self.report("--seeds=11..30", "--threads=1"), self.report("--seeds=20", "--first-seed=11", "--threads=1")]
        self.assertEqual(both[0]["schedule_hash"], both[1]["schedule_hash"])
        self.assertEqual(both[0]["first_seed"], 11)

    def test_one_seed_and_its_plan_again(self):
        first = self.sim("--seed=3").stdout
        self.assertIn("the plan:", first)
        self.assertRegex(first, r"(?m)^what happened: 1?\d")
        self.assertRegex(first, r"(?m)^  no-loss +pass")
        self.assertRegex(first, r"(?m)^ledger: ")
        plan = first.split("the plan:\n\n")[1].split("\n\nwhat happened")[0]
        (self.folder / "3.plan").write_text(plan + "\n", encoding="utf-8")
        again = self.sim("--plan=3.plan").stdout
        hashes = [re.search(r"(?m)^schedule hash ([0-9a-f]{16}), content hash ([0-9a-f]{16})$", out).groups()
                  for out in (first, again)]
        self.assertEqual(hashes[0], hashes[1])
        run = self.report("--plan=3.plan", program=SMALL)["run"]
        self.assertEqual((run["schedule_hash"], run["content_hash"]), hashes[0], "also in the program that only simulates")
        self.assertEqual({verdict["verdict"] for verdict in run["verdicts"]} - {"pass", "not checkable"}, set())

    def test_a_page_of_a_run_that_is_well(self):
        self.sim("--seed=3", "--report=run.html")
        self.assertIn("</html>", (self.folder / "run.html").read_text(encoding="utf-8"))

    def page(self, path):
        text = (self.folder / path).read_text(encoding="utf-8")
        self.assertIn("</html>", text)
        return text

    def test_a_page_says_how_to_run_it_again(self):
        self.sim("--seed=3", "--report=run.html")
        self.assertIn(f"{DEMO} sim {PIPELINE} --seed 3", self.page("run.html"))

    def test_a_page_where_nothing_fails(self):
        out = self.sim("--seeds=30", "--report=well.html").stdout
        seed = re.search(r"(?m)^page:    well\.html \(seed (\d+), the first that was effective\)$", out).group(1)
        self.assertIn(f"--seed {seed}", self.page("well.html"))
        self.assertRegex(self.sim(f"--seed={seed}").stdout, r"(?m)^effective: yes")
        self.assertFalse((self.folder / "sim-failures").exists())
        out = self.sim("--exhaustive", "--jobs=1", "--semantics=log", "--report=crash.html").stdout
        self.assertIn("page:    crash.html (the first schedule with a crash)", out)
        self.page("crash.html")
        self.sim("--seeds=5", "--report=refused.html", pipeline=self.with_stage("refuse"), code=1)
        self.page("refused.html")

    def test_what_strikes_is_told_from_what_is_armed(self):
        plan = "version: 1\njob { id: 1 }\nfault { id: 1 kind: \"net-loss\" at: \"20s\" target: -2 amount: 1 }\n"
        (self.folder / "late.plan").write_text(plan, encoding="utf-8")
        out = self.sim("--plan=late.plan").stdout
        self.assertRegex(out, r"(?m)^  1  net-loss: (fired at .*, and nothing ever met it|never fired: .*)$")
        self.assertRegex(out, r"(?m)^effective: no, no fault struck")
        (self.folder / "met.plan").write_text(plan.replace("20s", "1us"), encoding="utf-8")
        self.assertRegex(self.sim("--plan=met.plan").stdout, r"(?m)^  1  net-loss: struck at ")

    def test_a_plan_is_renewed_in_its_file(self):
        text = ('# Why it is kept.\nversion: 1\nexpect { promise: "no-loss" signature: "lost" }\n'
                'fault { id: 1 kind: "crash" at: "1ms" target: 0 }\njob { id: 1 }  # and this\n')
        (self.folder / "kept.plan").write_text(text, encoding="utf-8")
        self.assertIn("renewed: kept.plan", self.sim("--plan=kept.plan", "--renew").stdout)
        lines = text.splitlines(keepends=True)
        self.assertEqual((self.folder / "kept.plan").read_text(encoding="utf-8"),
                         "".join(lines[:3]) + 'fires: ["crash"]\n' + "".join(lines[3:]))
        (self.folder / "idle.plan").write_text(text.replace("1ms", "900s"), encoding="utf-8")
        out = self.sim("--plan=idle.plan", "--renew", code=1).stdout
        self.assertIn("finding: idle.plan: none of its faults strikes anything", out)
        self.refused("--renew", says="name it with --plan")

    def test_nothing_to_shrink(self):
        self.assertIn("nothing to shrink", self.sim("--seed=3", "--shrink").stdout)

    def test_exhaustive(self):
        for semantics in ("log", "queue"):
            with self.subTest(semantics=semantics):
                report = self.report("--exhaustive", "--jobs=8", f"--semantics={semantics}")
                self.assertFalse(report["stopped"], "it has come to its end")
                self.assertEqual(report["findings"], [])
                self.assertGreater(report["seeds"], 500)
                self.assertEqual(report["failures"], [])
                self.assertEqual(set(report["faults_fired"]), {"crash"})

    def test_exhaustive_is_not_shown_by_some_of_the_schedules(self):
        options = ("--exhaustive", "--jobs=200", "--threads=1", "--budget-seconds=0.01")
        report = self.report(*options, code=1)
        self.assertTrue(report["stopped"])
        says = r"only [\d,]+ of the schedules with one or two crashes have run: the 0\.01 s of --budget-seconds were over; give it more time, or fewer --jobs$"
        self.assertEqual(len(report["findings"]), 1)
        self.assertRegex(report["findings"][0], "^" + says)
        self.assertRegex(self.sim(*options, code=1).stdout, "(?m)^finding: " + says)

    def test_coverage_aims_at_what_seeds_have_not_hit(self):
        few = self.report("--seeds=5", "--threads=1")
        aimed = self.report("--seeds=5", "--threads=1", "--coverage")
        self.assertGreater(aimed["coverage"]["hit"], few["coverage"]["hit"] + 50)
        self.assertEqual(aimed["failures"], [])
        self.assertRegex(self.sim("--seeds=5", "--coverage").stdout, r"(?m)^ *crash .*\d")

    def test_aiming_ends_with_the_time(self):
        # The seeds are done before anybody looks at the time.
        result = self.sim("--seeds=1", "--coverage", "--budget-seconds=0.001", "--min-effective=0", code=1)
        self.assertRegex(result.stdout, r"(?m)^aimed at .*: 0 plans, 0 combinations newly hit; cut short, as the 0\.001 s of --budget-seconds were over$")
        self.assertRegex(result.stdout, r"(?m)^finding: [\d,]+ combinations of a fault and an action were not hit, and not all were aimed at, "
                         r"as the 0\.001 s of --budget-seconds were over: .*; give it more time$")

    def test_inputs_of_a_file(self):
        (self.folder / "in.jsonl").write_text("".join(f'{{"key": "k{n % 3}", "n": {n}}}\n' for n in range(30)), encoding="utf-8")
        report = self.report("--inputs=in.jsonl", "--seeds=10")
        self.assertEqual(report["inputs"], 30)
        self.assertEqual(report["without_faults"][0]["settled"], 30)

    def test_the_next_version_is_deployed_in_the_middle_of_the_work(self):
        report = self.report("--seeds=40", "--faults=new-version", pipeline=None, program=VERSIONS)
        self.assertEqual(report["failures"], [])
        self.assertGreater(report["faults_fired"]["new-version"], 20)

    def test_a_next_version_that_cannot_read_what_is_there(self):
        report = self.report("--seeds=40", "--faults=new-version", pipeline=None, program=HASTY, code=1)
        failure = report["failures"][0]
        self.assertEqual(failure["promise"], "unjustified-dead-letter")
        self.assertIn("stage unpack", failure["text"])
        self.sim("--plan=" + failure["plan"], pipeline=None, program=HASTY, code=1)
        self.sim("--plan=" + failure["plan"], pipeline=None, program=VERSIONS)

    def test_where_there_is_no_next_version(self):
        self.refused("--faults=new-version", says="--faults new-version: there is no next version")
        self.assertRegex(self.sim("--faults=help").stdout, r"(?m)^\| `new-version` .*next_registrar")
        (self.folder / "next.plan").write_text('version: 1\njob { id: 1 }\nfault { id: 1 kind: "new-version" target: 0 }\n',
                                               encoding="utf-8")
        self.refused("--plan=next.plan", says="next.plan:3: ")
        self.assertNotIn("new-version", self.report("--seeds=40")["faults_fired"])

    def test_budget(self):
        report = self.report("--seeds=100000000", "--budget-seconds=1", "--threads=1")
        self.assertTrue(report["stopped"])
        self.assertLess(report["elapsed_seconds"], 30)
        self.assertGreater(report["seeds"], 0)

    def test_only_some_faults_and_promises(self):
        report = self.report("--seeds=20", "--faults=crash,pause", "--promises=no-loss")
        self.assertEqual(set(report["faults_fired"]) - {"crash", "pause"}, set())
        self.assertEqual([promise["promise"] for promise in report["promises"]], ["no-loss"])

    def test_the_default_is_the_pipeline_it_was_built_with(self):
        self.assertIn("simulating one ", self.sim("--seeds=2", pipeline=None).stdout)

    def test_paths_are_relative_to_where_bazel_run_was_typed(self):
        (self.folder / "here").mkdir()
        (self.folder / "here" / "mine.textproto").write_text(pathlib.Path(PIPELINE).read_text(encoding="utf-8"), encoding="utf-8")
        typed = os.environ | {"BUILD_WORKING_DIRECTORY": str(self.folder / "here")}
        out = self.sim("--seed=2", "--report=run.html", pipeline="mine.textproto", env=typed).stdout
        self.assertTrue((self.folder / "here" / "run.html").exists())
        self.assertIn(f"{DEMO} sim mine.textproto --seed 2", out)
        self.sim("--seeds=2", pipeline=None, env=typed)

    def test_the_property_pipeline(self):
        report = self.report("--seeds=5", "--jobs=30", pipeline=PROPERTY, program=MILLRACE)
        self.assertEqual(report["seeds"], 5)
        self.assertEqual(report["stage_findings"], [])
        self.assertEqual(report["stages_not_checkable"], [], "the store is called twice in runs that nobody judges")

    # ---- findings

    def test_too_few_effective_seeds(self):
        result = self.sim("--seeds=5", "--min-effective=6", code=1)
        self.assertRegex(result.stdout, r"(?m)^finding: only \d of 5 seeds were effective .*; give more")

    def test_a_pipeline_that_refuses_everything(self):
        report = self.report("--seeds=50", pipeline=self.with_stage("refuse"), code=1)
        self.assertEqual(report["seeds"], 0, "there is nothing to prove")
        self.assertRegex(report["findings"][0], r"refuses all 200 inputs \(most often: .*not wanted here.*\).*; give it inputs")

    def test_a_pipeline_that_refuses_most(self):
        picky = self.with_stage("picky")
        report = self.report("--seeds=5", pipeline=picky, code=1)
        self.assertRegex(report["findings"][0], r"\d+ of 200 jobs are dead-lettered .*--max-dead-share")
        self.assertEqual(self.report("--seeds=5", "--max-dead-share=0.9", pipeline=picky)["findings"], [])

    def test_a_stage_that_is_not_deterministic(self):
        result = self.sim("--seeds=3", *QUIET, pipeline=self.with_stage("moody"), code=1)
        self.assertIn("about your stages, and not about Millrace", result.stdout)
        self.assertRegex(result.stdout, r"not-deterministic: the stage relay is not deterministic: called twice for input job-\d+")
        report = self.report("--seeds=3", *QUIET, pipeline=self.with_stage("moody"), code=1)
        finding = report["stage_findings"][0]
        self.assertEqual((finding["kind"], finding["stage"]), ("not-deterministic", "relay"))
        self.assertNotEqual(finding["first"], finding["second"])

    def test_a_stage_that_reads_the_clock(self):
        report = self.report("--seeds=3", *QUIET, pipeline=self.with_stage("clock"), code=1)
        self.assertEqual([finding["kind"] for finding in report["stage_findings"]], ["real-clock"])
        self.assertGreater(report["stage_findings"][0]["count"], 1)

    def test_a_stage_that_hides_state(self):
        hidden = self.with_stage("hidden")
        self.assertEqual(self.report("--seeds=3", *QUIET, pipeline=hidden)["stage_findings"], [])
        report = self.report("--seeds=3", *QUIET, "--isolate", pipeline=hidden, code=1)
        self.assertEqual([(finding["kind"], finding["stage"]) for finding in report["stage_findings"]], [("static-state", "relay")])
        finding = report["stage_findings"][0]
        self.assertRegex(finding["input"], r"^job-\d+$")
        self.assertEqual(finding["what"], "the body of output 0")
        self.assertNotEqual(finding["first"], finding["second"])
        self.assertEqual(self.report("--seeds=3", *QUIET, "--isolate")["stage_findings"], [])

    def test_a_stage_that_does_not_return(self):
        result = self.sim("--seeds=3", *QUIET, pipeline=self.with_stage("endless"), code=1)
        self.assertRegex(result.stdout + result.stderr, r"stage relay does not return for input job-7")
        self.assertRegex(result.stdout, r"(?m)^replay: .* --plan sim-failures/stuck-0.plan$")
        self.assertTrue((self.folder / "sim-failures" / "stuck-0.plan").exists())

    def test_a_stage_that_ends_the_process_says_in_which_run(self):
        result = self.sim("--seed=4", "--jobs=200", "--faults=pause", pipeline=self.with_stage("abort"), code=-6)
        self.assertRegex(result.stderr, r"the process dies in seed 4; run it alone with\n.* --seed 4")

    # ---- failures. What fails here is a stage with hidden state: one id comes to have two contents.

    def failing(self):
        return ("--promises=one-id-one-content,final-state", "--faults=crash", "--semantics=log"), self.with_stage("hidden")

    def test_what_is_wrong_with_a_stage_is_said_before_what_breaks_of_it(self):
        options, pipeline = self.failing()
        out = self.sim("--seeds=30", "--isolate", *options, pipeline=pipeline, code=1).stdout
        self.assertRegex(out, r"(?m)^  static-state: the stage relay keeps state outside of its object .*called for input job-\d+, ")
        self.assertLess(out.index("about your stages"), re.search(r"(?m)(^|: )(one-id-one-content|final-state) is broken", out).start())
        self.assertRegex(out, r"(?m)^\S+ is broken: .*\nthis may follow from what is said above about your stage relay: correct that first$")

    def test_a_failure_is_shrunk_and_its_plan_fails_again(self):
        options, pipeline = self.failing()
        report = self.report("--seeds=30", *options, pipeline=pipeline, code=1)
        self.assertGreater(len(report["failures"]), 0)
        first = report["failures"][0]
        self.assertIn(first["promise"], ("one-id-one-content", "final-state"))
        self.assertTrue(first["shrunk"])
        self.assertLess(first["jobs"], 5)
        self.assertLessEqual(first["faults"], 2)
        self.assertEqual(first["plan"], f"sim-failures/seed-{first['seed']}.plan")
        self.assertIn("</html>", (self.folder / first["page"]).read_text(encoding="utf-8"))
        self.assertEqual({failure["like"] for failure in report["failures"][1:]} - {None, first["seed"]}, set())
        self.assertEqual({failure["shrink_ended_by"] for failure in report["failures"]}, {None}, "nothing cut it short")
        for failure in report["failures"]:
            text = (self.folder / failure["plan"]).read_text(encoding="utf-8")
            if "fault {" in text:
                self.assertRegex(text, r'(?m)^fires: \["crash"(, "crash")*\]$', failure["plan"])
            self.assertIn(failure["plan"], failure["replay"])
        again = subprocess.run(first["replay"] + " --format json", shell=True, capture_output=True, text=True, check=False,
                               cwd=self.folder)
        self.assertEqual(again.returncode, 1, again.stdout + again.stderr)
        self.assertEqual(json.loads(again.stdout)["failures"][0]["promise"], first["promise"])

    def test_a_failure_in_words(self):
        options, pipeline = self.failing()
        out = self.sim("--seeds=30", *options, "--report=first.html", pipeline=pipeline, code=1).stdout
        self.assertRegex(out, r"(?m)^(one-id-one-content|final-state) is broken: ")
        self.assertRegex(out, r"(?m)^shrunk from \d+ jobs? and \d+ faults? to \d jobs? and \d faults? in ")
        self.assertRegex(out, r"(?m)^replay:  .* --plan sim-failures/seed-\d+\.plan$")
        self.assertRegex(out, r"(?m)^page:    first\.html$")
        self.assertLess(out.index("is broken"), out.index("replay:"))
        self.assertLess(out.index("replay:"), out.index("  promise "), "the failure first, the tables at the end")
        self.assertTrue((self.folder / "first.html").exists())

    def test_a_signal_ends_the_shrinking_too(self):
        options, pipeline = self.failing()
        command = [DEMO, "sim", pipeline, "--seeds=100000000", "--threads=1", "--format=json", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder) as run:
            for line in run.stderr:
                if " is broken" in line:
                    break
            run.send_signal(signal.SIGINT)
            out = run.communicate(timeout=120)[0]
        self.assertEqual(run.returncode, 1)
        report = json.loads(out)
        self.assertEqual(report["findings"], ["interrupted; what is told here is of the runs before"])
        first = report["failures"][0]
        self.assertEqual(first["shrink_ended_by"], "signal")
        self.assertGreater(first["jobs"], 5, "as it was drawn")

    def test_no_shrink_and_another_folder(self):
        options, pipeline = self.failing()
        report = self.report("--seeds=30", *options, "--no-shrink", "--out=found", pipeline=pipeline, code=1)
        self.assertFalse(report["failures"][0]["shrunk"])
        self.assertTrue(report["failures"][0]["plan"].startswith("found/"))
        self.assertFalse((self.folder / "sim-failures").exists())

    # ---- bad input

    def test_arguments(self):
        self.refused("--seeds=0", says="0 seeds show nothing")
        self.refused("--seeds=9..3", says="upside down; write it as 3..9")
        self.refused("--seeds=many", says='"many" is no number')
        self.refused("--seeds=-5", says="no number")
        self.refused("--budget-seconds=0", says="--budget-seconds")
        self.refused("--budget-seconds=-1", says="--budget-seconds")
        self.refused("--jobs=0", says="--jobs")
        self.refused("--threads=-1", says="--threads")
        for share in ("2", "-0.1", "nan"):
            self.refused(f"--max-dead-share={share}", says="--max-dead-share")
        for option in ("--first-seed", "--seed", "--jobs", "--partitions", "--min-effective"):
            self.refused(f"{option}=-1", says=f'{option}: "-1" is no whole number from 0 on')
        self.refused("--seeds=5..9", "--first-seed=3", says="--seeds 5..9 says already which is the first")
        self.refused("--seed=5", "--first-seed=3", says="--first-seed is of many seeds")
        self.refused("--plan=", says="--plan: 1 required FILE missing")
        self.refused("--report=", says="--report: 1 required FILE")
        self.refused("--faults=crash,port-slow", says="port-slow can never strike here: the pipeline has no ports")
        self.refused("--faults=alarm", "--semantics=log", says="alarm can never strike here: it strikes on queues, and only logs")
        self.refused("--faults=twin", says="twin can never strike here: no stage is EXACTLY_ONCE")
        self.refused("--seed=1", "--plan=x.plan", says="give one of them")
        self.refused("--seed=1", "--exhaustive", says="leave out")
        for option in ("--seeds=5", "--min-effective=3"):
            self.refused("--exhaustive", option, says=f"{option.split('=')[0]} is of many seeds, and --exhaustive makes its own plans; leave")
        self.refused("--exhaustive", "--faults=pause", says="--exhaustive makes its own plans, of crashes alone; leave out --faults")
        for one in ("--seed=1", "--plan=x.plan"):
            for option in ("--seeds=5", "--min-effective=3"):
                self.refused(one, option, says=f"{option.split('=')[0]} is of many seeds; leave it out with --seed and --plan")
            for option in ("--coverage", "--budget-seconds=5", "--max-dead-share=0.4"):
                self.refused(one, option, says=f"{option.split('=')[0]} is of many runs; leave it out with --seed and --plan")
        for option in ("--faults=crash", "--semantics=log"):
            self.refused("--plan=x.plan", option, says=f"{option.split('=')[0]} is for seeds, which draw it, and a plan says it itself; leave")
        self.refused("--faults=crahs", says='there is no fault "crahs"; did you mean "crash"')
        self.refused("--promises=noloss", says='there is no promise "noloss"')
        self.refused("--semantics=both", says="--semantics")
        self.refused("--format=xml", says="--format")

    def test_files(self):
        self.refused("--plan=none.plan", says="none.plan")
        self.refused("--inputs=none.jsonl", says="none.jsonl")
        self.refused("--seeds=3", pipeline="none.textproto", says="none.textproto")
        (self.folder / "empty.jsonl").write_text("\n\n", encoding="utf-8")
        self.refused("--inputs=empty.jsonl", says="has no line")
        self.refused("--seeds=3", "--report=no/such/folder/run.html", says="--report: cannot write no/such/folder/run.html")
        self.refused("--seeds=3", "--report=.", says="--report")
        os.mkfifo(self.folder / "fifo")
        self.refused("--seeds=3", "--report=fifo", says="--report")
        for endless in ("/dev/zero", "fifo"):
            self.refused(f"--inputs={endless}", says=f"--inputs: {endless} is a device or a pipe")
            self.refused(f"--plan={endless}", says=f"{endless} is a device or a pipe")
        with open(self.folder / "huge", "wb") as file:
            file.truncate(1 << 40)
        self.refused("--inputs=huge", says="huge is too large (over 1 GiB)")

    def test_inputs_that_no_bus_takes(self):
        (self.folder / "in.jsonl").write_text("small\n\n" + "x" * 1_000_000 + "\n", encoding="utf-8")
        self.refused("--inputs=in.jsonl", says="--inputs: in.jsonl:3: the job has 1,000,")
        # What is just small enough is a job like others.
        size = int(re.search(r"the job has ([\d,]+) bytes", self.sim("--inputs=in.jsonl", code=2).stderr).group(1).replace(",", ""))
        (self.folder / "in.jsonl").write_text("small\n\n" + "x" * (2_000_000 - size) + "\n", encoding="utf-8")
        for semantics in ("log", "queue"):
            runs = self.report("--inputs=in.jsonl", "--seeds=2", "--min-effective=0", f"--semantics={semantics}")["without_faults"]
            self.assertEqual([run["accepted"] for run in runs], [2], semantics)

    def test_plans(self):
        for text, says in (('fault { id: 1 kind: "crahs" at: "1ms" }', 'there is no fault "crahs"'),
                           ('fault { id: 1 kind: "crash" at: "-1ms" }', "the time is negative"),
                           ('fault { id: 1 kind: "crash" after_action { process: 99 } target: 0 }', "process"),
                           ('fault { id: 1 kind: "net-loss" at: "1ms" target: 0 amount: -4 }', "the amount -4 (how many packets)"),
                           ('fault { id: 1 kind: "retention" at: "1ms" target: 0 amount: 99999999999 }', "the amount 99999999999"),
                           ('fault { id: 1 kind: "pause" at: "1ms" target: 0 duration: "9000000s" }', "over 30 days"),
                           ('job { id: 2 }', "it has input 0, which job 1 has"),
                           ('timing { heartbeat: "1ns" }', "timing: heartbeat: 1ns is too short; give at least 1ms"),
                           ('timing { session_timeout: "2ns" }', "timing: session_timeout: 2ns is too short; give at least 1ms"),
                           ('fires: "crash"', 'the plan has no fault "crash"'),
                           ('nonsense', "nonsense")):
            with self.subTest(text=text):
                (self.folder / "bad.plan").write_text(f"version: 1\njob {{ id: 1 }}\n{text}\n", encoding="utf-8")
                result = self.refused("--plan=bad.plan", says=says)
                self.assertRegex(result.stderr, r"bad\.plan:\d+: ")

    def test_a_pipeline_that_cannot_be_simulated(self):
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        path = self.folder / "broken.textproto"
        path.write_text(text.replace('kind: "relay"', 'kind: "rely"'), encoding="utf-8")
        result = self.sim("--seeds=3", pipeline=str(path), code=2)
        self.assertRegex(result.stderr, r'broken\.textproto:\d+: .*"rely".*; .*relay')

    def test_more_partitions_than_can_be_told_apart(self):
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        self.assertIn('name: "in" partitions: 2', text)
        path = self.folder / "wide.textproto"
        path.write_text(text.replace('name: "in" partitions: 2', 'name: "in" partitions: 65536'), encoding="utf-8")
        self.refused("--seeds=3", pipeline=str(path), says='wide.textproto: topic "in" has 65536 partitions')
        self.sim("--seeds=3", "--partitions=3", pipeline=str(path))

    # ---- what there is, and what the reference says

    def test_lists(self):
        faults = self.sim("--faults=help", pipeline=None).stdout
        self.assertRegex(faults, r"(?m)^\| `crash` \| a process dies")
        self.assertEqual(faults, self.sim("--faults=help", pipeline=None, program=SMALL).stdout)

    def test_the_tables_of_promises_and_faults_are_in_the_reference(self):
        """After a change on purpose: MILLRACE_UPDATE=1 python3 tests/cli/sim_test.py, run from the workspace, rewrites them."""
        for what in ("promises", "faults"):
            table = self.sim(f"--{what}=help", pipeline=None).stdout
            path = pathlib.Path(HERE) / f"docs/reference/{what}.md"
            text = path.read_text(encoding="utf-8")
            mark = f"<!-- printed by: millrace sim --{what} help -->\n\n"
            self.assertIn(mark, text)
            if os.environ.get("MILLRACE_UPDATE"):
                path.write_text(text.split(mark)[0] + mark + table, encoding="utf-8")
                text = path.read_text(encoding="utf-8")
            self.assertEqual(text.split(mark)[1], table)

    def test_the_reference_names_every_option_and_field(self):
        reference = (pathlib.Path(HERE) / "docs/reference/simulator.md").read_text(encoding="utf-8")
        options = set(re.findall(r"--[a-z-]+", self.sim("--help").stdout))
        self.assertGreater(len(options), 20)
        for option in sorted(options - {"--help"}):
            self.assertIn(f"`{option}", reference, option)
        for field in self.report("--seed=3"):
            self.assertIn(f"`{field}`", reference, field)


if __name__ == "__main__":
    unittest.main()
