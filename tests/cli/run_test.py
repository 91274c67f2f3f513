"""`run` as its user sees it: results, exit codes, runs that are stopped, killed and continued."""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import tempfile
import time
import unittest

DEMO = os.path.abspath("tests/cli/demo")
PIPELINE = "tests/cli/demo.textproto"
COUNT = 20_000
BAD_EVERY = 100


def run(*arguments, pipeline=PIPELINE, **kwargs):
    return subprocess.run([DEMO, "run", pipeline, *arguments], capture_output=True, text=True, check=False, **kwargs)


class RunTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = str(self.folder / "out")

    def report(self, result, code=0):
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def balanced(self, report):
        self.assertEqual(report["accepted"],
                         sum(report[name] for name in ("settled", "dead_lettered", "lost", "on_bus", "destroyed", "to_feed_again")))
        self.assertEqual(report["lost"], 0)
        self.assertEqual(report["conflicts"], 0)
        self.assertEqual(report["phantoms"], 0)

    def finished(self, report, count=COUNT):
        self.balanced(report)
        self.assertEqual(report["accepted"], count)
        self.assertEqual(report["dead_lettered"], count // BAD_EVERY)
        self.assertEqual(report["settled"], count - count // BAD_EVERY)
        self.assertEqual(report["on_bus"], 0)

    def changed(self, **changes):
        """A copy of the pipeline in which, for each change, the text is replaced."""
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        for old, new in changes.get("changes", []):
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = self.folder / "changed.textproto"
        path.write_text(text, encoding="utf-8")
        return str(path)

    def slow(self, micros):
        """A pipeline whose first stage takes so long for each message."""
        return self.changed(changes=[('value: "999" }', f'value: "999" }} option {{ key: "micros" value: "{micros}" }}')])

    def stop(self, *arguments, after, how=signal.SIGTERM, pipeline=PIPELINE):
        """Starts a run and sends it a signal when so many receipts are there."""
        process = subprocess.Popen([DEMO, "run", pipeline, "--out", self.out, "--format=json", *arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        receipts = pathlib.Path(self.out) / "receipts.jsonl"
        while process.poll() is None and (not receipts.exists() or receipts.stat().st_size < after * 100):
            time.sleep(0.01)
        self.assertIsNone(process.poll(), "it ended before it could be stopped")
        process.send_signal(how)
        stdout, stderr = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def test_json(self):
        report = self.report(run("--out", self.out, "--format=json"))
        self.finished(report)
        self.assertEqual(report["duplicates"], 0)
        self.assertGreater(report["elapsed_seconds"], 0)
        stages = {stage["name"]: stage for stage in report["stages"]}
        self.assertEqual(list(stages), ["check", "split", "look", "keep"])
        good = COUNT - COUNT // BAD_EVERY
        self.assertEqual(stages["check"]["in"], COUNT)
        self.assertEqual(stages["check"]["out"], good)
        self.assertEqual(stages["check"]["dead"], COUNT // BAD_EVERY)
        self.assertEqual(stages["check"]["retried"], len([n for n in range(0, COUNT, 999) if n % BAD_EVERY]))
        self.assertEqual(stages["split"]["out"], 2 * good)
        self.assertEqual(stages["keep"]["in"], 2 * good)
        self.assertGreater(stages["keep"]["p99_ms"], 0)
        self.assertEqual(report["dead_letter_reasons"], [{
            "stage": "check", "field": "Value", "reason": "expected a good number; found \"…\"", "count": COUNT // BAD_EVERY,
            "example": report["dead_letter_reasons"][0]["example"]}])

    def test_exactly_once(self):
        once = self.changed(changes=[('  instances: 2\n', '  instances: 2\n  delivery: EXACTLY_ONCE\n'),
                                     ('execution: INLINE', 'execution: INLINE delivery: EXACTLY_ONCE')])
        report = self.report(run("--out", self.out, "--format=json", pipeline=once))
        self.finished(report)
        self.assertEqual(report["duplicates"], 0)
        stages = {stage["name"]: stage for stage in report["stages"]}
        self.assertEqual(stages["check"]["out"], COUNT - COUNT // BAD_EVERY)
        self.assertEqual(stages["check"]["dead"], COUNT // BAD_EVERY)
        on_queues = run("--out", self.out + "2", "--bus", "mem:?semantics=queue", pipeline=once)
        self.assertNotEqual(on_queues.returncode, 0)
        self.assertIn("a queue settles each message by itself", on_queues.stdout + on_queues.stderr)

    def test_text(self):
        result = run("--out", self.out)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"(?m)^ledger: accepted 20,000 = settled 19,800 \+ dead-lettered 200 \+ lost 0; duplicates 0$")
        self.assertRegex(result.stdout, r"(?m)^  stage +in +out +retried +dead +p50 +p99 +instances$")
        self.assertRegex(result.stdout, r"(?m)^  check +20,000 +19,800 ")
        self.assertRegex(result.stdout, r'(?m)^ +200  check  Value  expected a good number; found "…"  count:\d+$')
        self.assertIn("results: " + self.out, result.stdout)
        self.assertNotIn("\x1b", result.stdout, "no terminal, no escapes")

    def test_dead_letters_can_be_read(self):
        self.report(run("--out", self.out, "--format=json"))
        with open(self.out + "/dead_letters.jsonl", encoding="utf-8") as file:
            letters = [json.loads(line) for line in file]
        self.assertEqual({letter["id"] for letter in letters}, {f"count:{n}" for n in range(0, COUNT, BAD_EVERY)})
        for letter in letters:
            number = letter["id"].partition(":")[2]
            self.assertEqual(letter["body"], "bad " + number)
            self.assertEqual(letter["root"], letter["id"])
            self.assertEqual(letter["key"], str(int(number) % 31))
            self.assertEqual(letter["stage"], "check")
            self.assertEqual(letter["field"], "Value")
            self.assertRegex(letter["source"], r"^numbers/\d/\d+$")
            self.assertEqual(letter["attempts"], "1")
            self.assertEqual(len(letter["history"]), 1)

    def test_a_finished_folder_has_nothing_new_and_still_a_balance(self):
        self.report(run("--out", self.out, "--format=json"))
        report = self.report(run("--out", self.out, "--format=json"))
        self.finished(report)
        self.assertEqual(report["new"], 0)
        self.assertIn("nothing new (0 new jobs)", run("--out", self.out).stdout)
        grown = self.report(run("--out", self.out, "--format=json", "--input", "count=30000"))
        self.finished(grown, 30_000)
        self.assertEqual(grown["new"], 10_000)

    def test_stopped_and_continued(self):
        count = 300_000
        stopped = self.report(self.stop("--input", f"count={count}", after=1000))
        self.balanced(stopped)
        self.assertTrue(stopped["interrupted"])
        self.assertLess(stopped["accepted"], count)
        self.assertEqual(stopped["on_bus"], 0, "what was on the bus has been finished")
        report = self.report(run("--out", self.out, "--format=json", "--input", f"count={count}"))
        self.finished(report, count)
        self.assertEqual(report["new"], count - stopped["accepted"])
        self.assertEqual(report["duplicates"], 0)

    def test_stopped_without_time_to_finish_and_continued(self):
        pipeline = self.slow(50)
        stopped = self.report(self.stop("--input", "count=100000", "--drain-seconds=0", after=1000, pipeline=pipeline))
        self.balanced(stopped)
        self.assertGreater(stopped["on_bus"], 0)
        self.finished(self.report(run("--out", self.out, "--format=json", "--input", "count=100000")), 100_000)

    def test_killed_and_fed_again(self):
        count = 300_000
        killed = self.stop("--input", f"count={count}", after=1000, how=signal.SIGKILL)
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        result = run("--out", self.out, "--format=json", "--input", f"count={count}")
        self.assertIn("did not end in good order", result.stderr)
        report = self.report(result)
        self.finished(report, count)
        self.assertGreater(report["skipped"], 0, "what had ended is not fed again")
        # Parts of jobs that were half-way end twice, which is as many as were on the bus at most.
        self.assertLess(report["duplicates"], count // 10)

    def test_stopped_while_feeding_again(self):
        count = 300_000
        pipeline = self.slow(20)
        self.stop("--input", f"count={count}", after=20_000, how=signal.SIGKILL, pipeline=pipeline)
        process = subprocess.Popen([DEMO, "run", pipeline, "--out", self.out, "--format=json", "--input", f"count={count}",
                                    "--drain-seconds=0"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while "not fed again" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate()
        stopped = self.report(subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr))
        self.balanced(stopped)
        self.assertGreater(stopped["to_feed_again"], 0)
        result = run("--out", self.out, "--format=json", "--input", f"count={count}")
        self.assertIn("going on to feed again", result.stderr)
        report = self.report(result)
        self.finished(report, count)
        self.assertEqual(report["to_feed_again"], 0)
        self.assertLess(report["duplicates"], count // 10, "what had ended is not fed again")
        self.assertFalse(pathlib.Path(self.out, "feed.refeed").exists())

    def test_a_saved_bus_that_is_gone_is_fed_again(self):
        stopped = self.report(self.stop("--input", "count=100000", "--drain-seconds=0", after=1000, pipeline=self.slow(50)))
        self.assertGreater(stopped["on_bus"], 0)
        pathlib.Path(self.out, "bus.snapshot").unlink()
        result = run("--out", self.out, "--format=json", "--input", "count=100000")
        self.assertIn("cannot be read", result.stderr)
        self.finished(self.report(result), 100_000)

    def test_work_that_is_left_for_nobody_is_refused(self):
        self.report(self.stop("--input", "count=100000", "--drain-seconds=0", after=1000, pipeline=self.slow(50)))
        renamed = self.changed(changes=[('name: "check"\n', 'name: "test"\n')])
        result = run("--out", self.out, "--input", "count=100000", pipeline=renamed)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertIn('for group "demo.check", which the pipeline has no more', result.stderr)
        self.finished(self.report(run("--out", self.out, "--format=json", "--input", "count=100000")), 100_000)

    def test_output_that_nobody_can_read_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            result = subprocess.run([DEMO, "run", PIPELINE, "--out", self.out, "--format=json"], stdout=full,
                                    stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 3)
        self.assertIn("standard output cannot be written to", result.stderr)

    def test_closed_standard_descriptors(self):
        result = subprocess.run(["bash", "-c", '"$0" run "$1" --out "$2" >&- 2>&-', DEMO, PIPELINE, self.out], check=False)
        self.assertEqual(result.returncode, 0)
        self.assertNotIn("ledger", pathlib.Path(self.out, "run.lock").read_text(encoding="utf-8"))

    def test_killed_while_continuing(self):
        count = 300_000
        self.stop("--input", f"count={count}", "--drain-seconds=0", after=1000)
        self.stop("--input", f"count={count}", after=2000, how=signal.SIGKILL)
        self.finished(self.report(run("--out", self.out, "--format=json", "--input", f"count={count}")), count)

    def test_a_second_signal_ends_at_once(self):
        process = subprocess.Popen([DEMO, "run", self.slow(1000), "--out", self.out], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        journal = pathlib.Path(self.out, "feed.journal")
        while not journal.exists() or journal.stat().st_size < 100_000:  # seconds of work are on the bus then
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        while "stopping" not in process.stdout.readline():
            pass
        # Again, as an impatient person: what comes within the first second counts as the same signal.
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        _, stderr = process.communicate()
        self.assertEqual(process.returncode, 128 + signal.SIGINT)
        self.assertIn("ended at once", stderr)

    def test_lost_jobs_are_a_broken_promise(self):
        pipeline = self.changed(changes=[('kind: "end" input: "good"', 'kind: "lose" input: "good"')])
        report = self.report(run("--out", self.out, "--format=json", pipeline=pipeline), code=1)
        self.assertEqual(report["lost"], COUNT - COUNT // BAD_EVERY)
        self.assertTrue(report["examples"]["lost"])
        result = run("--out", self.out, pipeline=pipeline)
        self.assertEqual(result.returncode, 1)
        self.assertIn("LOST, for example: count:", result.stdout)

    def test_what_the_bus_destroys_is_announced_and_counted(self):
        pipeline = self.slow(20)
        url = "mem:?retention_bytes=200000"
        result = run("--out", self.out, "--format=json", "--bus", url, pipeline=pipeline)
        report = self.report(result, code=3)
        self.balanced(report)
        self.assertGreater(report["destroyed"], 0)
        self.assertEqual(report["accepted"], COUNT)
        self.assertEqual(report["on_bus"], 0)
        self.assertIn("DATA_LOSS", result.stderr)
        self.assertIn("destroyed.jsonl", result.stderr)
        with open(self.out + "/destroyed.jsonl", encoding="utf-8") as lines:
            destroyed = {json.loads(line)["root"] for line in lines}
        self.assertGreaterEqual(len(destroyed), report["destroyed"])
        again = self.report(run("--out", self.out, "--format=json", "--bus", url, pipeline=pipeline), code=3)
        self.assertEqual({name: again[name] for name in ("accepted", "settled", "dead_lettered", "lost", "destroyed")},
                         {name: report[name] for name in ("accepted", "settled", "dead_lettered", "lost", "destroyed")})

    def test_idle_instances_are_reported(self):
        pipeline = self.changed(changes=[("instances: 2", "instances: 6")])
        result = run("--out", self.out, pipeline=pipeline)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("idle waste: 2 instances of check had no partition", result.stdout)
        self.assertIn("warning: ", result.stderr)

    def test_one_folder_one_run_one_pipeline(self):
        first = subprocess.Popen([DEMO, "run", PIPELINE, "--out", self.out, "--input", "count=100000000"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not pathlib.Path(self.out, "run.state").exists():
                time.sleep(0.01)
            second = run("--out", self.out)
            self.assertEqual(second.returncode, 3)
            self.assertIn("another run is using the output folder " + self.out, second.stderr)
        finally:
            first.kill()
            first.wait()
        other = self.changed(changes=[('name: "demo"', 'name: "other"')])
        result = run("--out", self.out, pipeline=other)
        self.assertEqual(result.returncode, 3)
        self.assertIn('the pipeline "demo", not of "other"', result.stderr)

    def test_wrong_usage(self):
        for arguments, message in [
                ((), "subcommand is required"),
                (("fly",), "there is no command \"fly\"; known: run, work, lint"),
                (("rnu",), "did you mean \"run\"?"),
                (("run", "none.textproto"), "none.textproto"),
                (("run", PIPELINE, "--bus", "nats://host"), 'no backend for the bus "nats://host"; known: amqp:, amqps:, kafka:, mem:'),
                (("run", PIPELINE, "--format", "xml"), "xml"),
                (("run", PIPELINE, "--input", "count"), "KEY=VALUE"),
                (("run", PIPELINE, "--input", "cuont=3"), 'did you mean "count"?'),
                (("run", PIPELINE, "--input", "count=x"), "it must be a whole number"),
                (("run", "tests/cli/broken/values.textproto"), "cannot be run"),
        ]:
            with self.subTest(arguments=arguments):
                result = subprocess.run([DEMO, *arguments, *(("--out", self.out) if arguments[:1] == ("run",) else ())],
                                        capture_output=True, text=True, check=False)
                self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
                self.assertIn(message, result.stderr)

    def test_what_lives_in_one_process_is_not_shared_among_several(self):
        result = run("--out", self.out, "--elsewhere")
        self.assertEqual(result.returncode, 2)
        self.assertIn("no other process can reach mem:", result.stderr)
        result = subprocess.run([DEMO, "work", PIPELINE], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("nobody else can put anything on mem:", result.stderr)
        result = subprocess.run([DEMO, "work", PIPELINE, "--stage", "chekc"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn('did you mean "check"?', result.stderr)

    def test_help_teaches(self):
        result = subprocess.run([DEMO, "run", "--help"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0)
        self.assertIn("Examples:", result.stdout)
        self.assertIn("Exit code: 0 well, 1 a promise is broken", result.stdout)

    def test_the_pipeline_it_was_built_with(self):
        result = subprocess.run([DEMO, "run", "--out", self.out, "--format=json"], capture_output=True, text=True, check=False)
        self.finished(self.report(result))

    def lines(self, text):
        path = self.folder / "lines.txt"
        path.write_text(text, encoding="utf-8")
        return self.changed(changes=[
            ('kind: "count"', 'kind: "lines"'),
            ('option { key: "count" value: "20000" }', 'option { key: "file" value: "lines.txt" }'),
            ('option { key: "bad_every" value: "100" }', "")])

    def test_input_files(self):
        pipeline = self.lines("good 1\nbad 2\ngood 3\n")
        report = self.report(run("--out", self.out, "--format=json", pipeline=pipeline))
        self.assertEqual((report["accepted"], report["dead_lettered"]), (3, 1))
        other = self.folder / "other.txt"
        other.write_text("good 7\n", encoding="utf-8")
        result = run("--out", str(self.folder / "out2"), "--format=json", "--input", "feed.file=" + os.path.relpath(other), pipeline=pipeline)
        self.assertEqual(self.report(result)["accepted"], 1, "relative to the working folder")

    def test_a_missing_input_file(self):
        result = run("--out", self.out, "--input", "file=none.txt", pipeline=self.lines(""))
        self.assertEqual(result.returncode, 2)
        self.assertIn("none.txt; give a file that is there", result.stderr)

    def test_a_source_that_ends_badly_does_not_stop_what_it_gave_before(self):
        report = self.report(run("--out", self.out, "--format=json", pipeline=self.lines("good 1\ngood 2\nbroken input\ngood 3\n")), code=2)
        self.balanced(report)
        self.assertEqual(report["settled"], report["accepted"])
        self.assertIn('source "feed": not a file of lines; give another', report["problems"])

    def test_an_output_folder_that_cannot_be(self):
        blocked = self.folder / "file"
        blocked.write_text("", encoding="utf-8")
        result = run("--out", str(blocked / "out"))
        self.assertEqual(result.returncode, 3)
        self.assertIn(str(blocked), result.stderr)
        self.assertIn("--out DIR", result.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_read_only_output_folder(self):
        os.makedirs(self.out)
        os.chmod(self.out, 0o500)
        result = run("--out", self.out)
        self.assertEqual(result.returncode, 3)
        self.assertIn(self.out, result.stderr)

    def test_no_room_for_what_must_be_written(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

        result = run("--out", self.out, "--format=json", preexec_fn=limit)
        self.assertEqual(result.returncode, 3, result.stdout + result.stderr)
        self.assertRegex(result.stderr, re.escape(self.out) + r"/\w+")
        self.finished(self.report(run("--out", self.out, "--format=json")))


if __name__ == "__main__":
    unittest.main()
