"""What operators do with a pipeline on a real broker, the same on each: topology, lag, dead letters."""

import json
import os
import pathlib
import re
import resource
import signal
import subprocess
import tempfile
import time

DEMO = "tests/cli/demo"
PIPELINE = "tests/cli/demo.textproto"
COUNT, BAD = 2000, 20
# For what a broker or its plugins tell a while later, on a slow machine too.
PATIENCE_SECONDS = 120


class Operating:
    """Mixed into a TestCase that has URL and START."""

    def setUp(self):
        self.assertTrue(self.URL, self.START)
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Names of its own, so that several runs of this test can share a broker.
        self.prefix = f"ops{os.getpid()}-{os.urandom(4).hex()}."
        self.bus = f"{self.URL}{'&' if '?' in self.URL else '?'}prefix={self.prefix}"

    def await_that(self, look, fits):
        """What `look` returns, as soon as it fits."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not fits(seen := look()):
            self.assertLess(time.monotonic(), end, seen)
        return seen

    def command(self, *arguments, pipeline=PIPELINE, expect=0, bus=None):
        result, words = self.attempt(*arguments, pipeline=pipeline, bus=bus)
        if expect is not None:
            self.assertEqual(result.returncode, expect, f"{words}\n{result.stdout}{result.stderr}")
        return result.stdout + result.stderr if "--format=json" not in arguments else json.loads(result.stdout)

    def attempt(self, *arguments, pipeline=PIPELINE, bus=None):
        words = [DEMO, *arguments, "--bus", bus or self.bus]
        # Behind the command and what it is to do.
        at = 2 if arguments[0] in ("lag", "run", "work") else 3
        words.insert(at, str(pipeline))
        return subprocess.run(words, capture_output=True, text=True, check=False), words

    def run_pipeline(self):
        return self.command("run", "--input", f"count={COUNT}", "--input", "bad_every=100", "--out", str(self.folder / "out"), "--format=json")

    def listed(self):
        return self.command("dlq", "list", "--format=json")

    def lag(self, *more, expect=0):
        stages = self.command("lag", "--format=json", *more, expect=expect)["stages"]
        return {stage["stage"]: stage for stage in stages}

    def start_worker(self, pipeline=PIPELINE, bus=None, name="work"):
        # Into a file, and not a pipe: nobody reads what it says later.
        log = self.folder / f"{name}.log"
        with open(log, "wb") as out:
            worker = subprocess.Popen([DEMO, "work", str(pipeline), "--bus", bus or self.bus, "--stage", "check", "--out", str(self.folder / name)],
                                      stdout=out, stderr=subprocess.STDOUT)

        def stop():
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
                raise

        self.addCleanup(stop)

        def said():
            return log.read_text(encoding="utf-8", errors="replace")

        end = time.monotonic() + PATIENCE_SECONDS
        while "at work on" not in said():  # what lint warns of goes before
            self.assertIsNone(worker.poll(), said())
            self.assertLess(time.monotonic(), end, said())
            time.sleep(0.05)
        return worker

    def changed(self, old, new):
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        self.assertIn(old, text)
        path = self.folder / "changed.textproto"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

    def test_topology(self):
        self.assertIn("missing (+)", self.command("topology", "check", expect=1))
        plan = self.command("topology", "plan", "--format=json")
        self.assertGreater(plan["missing"], 0)
        self.assertEqual(self.command("topology", "plan", "--format=json"), plan, "a plan changes nothing")
        self.assertIn(f"{plan['missing']} made on", self.command("topology", "apply"))
        check = self.command("topology", "check", "--format=json")
        self.assertEqual((check["missing"], check["differs"], check["refused"]), (0, 0, 0))
        self.assertEqual(check["same"], plan["missing"])
        fewer = self.changed('name: "numbers" partitions: 4', 'name: "numbers" partitions: 3')
        for verb in ("plan", "check", "apply"):
            words = self.command("topology", verb, pipeline=fewer, expect=1)
            self.assertIn("partitions 4 (wanted 3)", words)
            self.assertIn('"numbers.v2"', words)
        more = self.changed('name: "numbers" partitions: 4', 'name: "numbers" partitions: 6')
        self.assertIn("partitions 4 (wanted 6)", self.command("topology", "plan", pipeline=more, expect=1))
        words = self.command("run", "--out", str(self.folder / "refused"), pipeline=more, expect=2)
        self.assertIn("partitions is 4, wanted 6", words)
        self.assertIn("say partitions: 4", words)

    def test_dead_letters(self):
        self.assertEqual(self.run_pipeline()["dead_lettered"], BAD)
        listed = self.listed()
        self.assertEqual(listed["dead_letters"], BAD)
        group = listed["groups"][0]
        self.assertEqual((group["stage"], group["topic"]), ("check", "dead"))
        shown = json.loads(self.command("dlq", "show", "--id", group["ids"][0]).splitlines()[0])
        self.assertEqual(shown["id"], group["ids"][0])
        self.assertIn("body", shown)
        self.assertIn("no dead letter", self.command("dlq", "show", "--id", "nobody", expect=1))

        dry = self.command("dlq", "redrive")
        self.assertIn("a dry run", dry)
        self.assertIn(f"{BAD} to topic numbers, read by check", dry)
        self.assertEqual(self.listed()["dead_letters"], BAD, "a dry run takes nothing out")

        done = self.command("dlq", "redrive", "--group", group["group"], "--limit", "5", "--rate", "50", "--execute", "--format=json")
        self.assertEqual(done["redriven"], 5)
        self.assertEqual(self.listed()["dead_letters"], BAD - 5, "what is redriven is out, and stays out")

        # What is bad dies again, under its id, and counts.
        self.run_pipeline()
        listed = self.listed()
        self.assertEqual(listed["dead_letters"], BAD)
        self.assertEqual(sum(each["redriven_before"] for each in listed["groups"]), 5)
        again = self.command("dlq", "show").splitlines()
        counters = [re.search(r'\["mr_redriven","(\d+)"\]', line) for line in again]
        self.assertEqual([match.group(1) for match in counters if match], ["1"] * 5)
        ids = [json.loads(line)["id"] for line in again if line.startswith("{")]
        self.assertEqual(len(set(ids)), BAD, "ids are as they were")

        self.assertIn("a dry run", self.command("dlq", "purge"))
        self.assertEqual(self.listed()["dead_letters"], BAD)
        one = self.command("dlq", "purge", "--id", ids[0], "--execute", "--format=json")
        self.assertEqual(one["purged"], 1)
        self.assertEqual(self.listed()["dead_letters"], BAD - 1)
        purged = self.command("dlq", "purge", "--execute", "--format=json")
        self.assertEqual(purged["purged"], BAD - 1)
        self.assertEqual(self.listed()["dead_letters"], 0)
        return one["destroyed"] + purged["destroyed"]

    def test_secrets_are_not_printed(self):
        for arguments in (("topology", "plan"), ("dlq", "list", "--format=json")):
            result = subprocess.run([DEMO, *arguments, PIPELINE, "--bus", self.bus, *self.SECRET], capture_output=True, text=True, check=False)
            self.assertNotIn("hunter2", result.stdout + result.stderr)
        result = subprocess.run([DEMO, "topology", "plan", PIPELINE, "--bus", self.bus, "--bus-option", "hunter2"], capture_output=True,
                                text=True, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn("not of the form name=value", result.stderr)
        self.assertNotIn("hunter2", result.stderr)

    def test_a_worker_whose_history_has_no_room_ends_at_once(self):
        feeding = subprocess.Popen([DEMO, "run", PIPELINE, "--bus", self.bus, "--elsewhere", "--out", str(self.folder / "out"), "--input", f"count={COUNT}"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(feeding.wait)
        self.addCleanup(feeding.kill)
        # Files of this worker become no larger: a history has room for its head and a line or two. Python ignores the signal for that, and so does its child.
        worker = subprocess.run([DEMO, "work", PIPELINE, "--bus", self.bus, "--stage", "check", "--name", "w", "--out", str(self.folder / "work"),
                                 "--history", str(self.folder / "history")],
                                capture_output=True, text=True, check=False, timeout=120, restore_signals=False,
                                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)))
        self.assertEqual(worker.returncode, 3, worker.stdout + worker.stderr)
        self.assertIn('the history of stage "check": cannot write to ', worker.stderr)
        self.assertIn("this process ends at once", worker.stderr)

    def test_memory_is_refused(self):
        for arguments in (("topology", "plan"), ("lag",), ("dlq", "list"), ("offsets", "reset", "--stage", "check", "--to-earliest")):
            words = self.command(*arguments, bus="mem:", expect=2)
            self.assertIn("give a broker", words)
