"""Chaos on a real broker: the property pipeline in several processes, while workers are killed, stopped past the session time-out and replaced, and the broker
is restarted and killed. Round after round until the time is up, each over names of its own; after each the books must balance with nothing lost, and the store
must hold what a quiet run on the embedded bus leaves, row by row.

    chaos.py --millrace PATH --broker ops/kafka --minutes 60

What is done again because it was not committed is printed, and is no failure: at least once means that.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

PIPELINE = "stages/property/property.textproto"
TABLES = ("listings", "history", "receipts")
# Longer than a session: others have taken over, and the one that wakes is a zombie.
ZOMBIE_SECONDS = 9.0
# No round takes longer, unless something is stuck.
ROUND_SECONDS_MAX = 300.0


def say(text):
    print(time.strftime("%H:%M:%S "), text, sep="", flush=True)


def rows(path):
    """What a store holds: for each table a count of each of its rows."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        held = {}
        for table in TABLES:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            held[table] = collections.Counter(database.execute(f"SELECT {', '.join(columns)} FROM {table}"))
        return held


def differences(expected, found):
    lines = []
    for table in TABLES:
        for name, rest in (("missing", expected[table] - found[table]), ("not expected", found[table] - expected[table])):
            if rest:
                example = str(next(iter(rest)))[:300]
                lines.append(f"{table}: {sum(rest.values())} rows {name}, for example {example}")
    return lines


class Broker:
    """A broker of our own, by the script that users start theirs with."""

    def __init__(self, script, folder, port):
        self.script = script
        self.arguments = ["--dir", str(folder)]
        started = self.call("start", "--port", str(port))
        self.url = re.search(r"^\S+://\S+", started, re.MULTILINE).group(0)

    def call(self, verb, *more):
        result = subprocess.run([self.script, verb, *self.arguments, *more], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            sys.exit(f"{self.script} {verb} failed:\n{result.stdout}{result.stderr}")
        return result.stdout

    def restart(self, kill):
        self.call("stop", *(["--kill"] if kill else []))
        self.call("start")


class Worker:
    """One process of the pipeline, as often as it takes."""

    def __init__(self, name, command, log):
        self.name = name
        self.command = command
        self.log = log
        self.process = None
        self.starts = 0

    def start(self):
        self.starts += 1
        self.process = subprocess.Popen([*self.command, "--name", f"{self.name}.{self.starts}"], stdout=self.log, stderr=self.log)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def send(self, what):
        if self.alive():
            self.process.send_signal(what)

    def end(self, what, seconds):
        self.send(signal.SIGCONT)
        self.send(what)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


class Round:
    def __init__(self, chaos, number):
        self.chaos = chaos
        self.random = random.Random(f"{chaos.options.seed} {number}")
        self.folder = chaos.folder / f"round-{number}"
        self.folder.mkdir()
        self.out = self.folder / "out"
        # Names that no other round has used; ids stay those of the quiet run, since the pipeline is the same.
        self.url = f"{chaos.url}{'&' if '?' in chaos.url else '?'}prefix=chaos-{chaos.options.seed}-{number}."
        self.done = collections.Counter()
        self.failures = []

    def run(self):
        options = self.chaos.options
        log = open(self.folder / "workers.log", "wb")
        command = [options.millrace, "work", PIPELINE, "--bus", self.url, "--out", str(self.out), "--drain-seconds", "10"]
        workers = [Worker(f"w{i}", command, log) for i in range(options.workers)]
        self.out.mkdir()
        start = time.monotonic()
        with open(self.folder / "run.json", "wb") as report, open(self.folder / "run.log", "wb") as errors:
            run = subprocess.Popen([options.millrace, "run", PIPELINE, "--bus", self.url, "--out", str(self.out), "--elsewhere",
                                    *self.chaos.inputs, "--format=json"], stdout=report, stderr=errors)
            for worker in workers:
                worker.start()
            quiet_from = start + options.trouble_seconds
            while run.poll() is None and time.monotonic() < start + ROUND_SECONDS_MAX:
                if time.monotonic() < quiet_from:
                    self.trouble(workers)
                for worker in workers:
                    if not worker.alive():
                        worker.start()
                time.sleep(0.2)
            if run.poll() is None:
                self.failures.append(f"the run has not ended within {ROUND_SECONDS_MAX:.0f} s")
                run.kill()
                run.wait()
        for worker in workers:
            code = worker.end(signal.SIGTERM, 20)
            if code != 0 and code != -signal.SIGKILL:
                self.failures.append(f"worker {worker.name} ended with {code} on SIGTERM")
        log.close()
        self.judge(run.returncode, time.monotonic() - start)

    def trouble(self, workers):
        """One thing that goes wrong, and a while in which it takes effect."""
        time.sleep(self.random.uniform(0.5, 3.0))
        worker = self.random.choice(workers)
        kind = self.random.choices(["kill", "zombie", "replace", "restart the broker", "kill the broker"], [6, 3, 3, 1, 1])[0]
        self.done[kind] += 1
        if kind == "kill":
            worker.send(signal.SIGKILL)
        elif kind == "zombie":
            worker.send(signal.SIGSTOP)
            time.sleep(ZOMBIE_SECONDS)
            worker.send(signal.SIGCONT)
        elif kind == "replace":
            worker.send(signal.SIGTERM)
        else:
            self.chaos.broker.restart(kill=kind.startswith("kill"))

    def judge(self, code, seconds):
        done = ", ".join(f"{count} x {kind}" for kind, count in sorted(self.done.items())) or "nothing"
        text = (self.folder / "run.json").read_text(encoding="utf-8")
        try:
            report = json.loads(text)
        except ValueError:
            self.failures.append(f"run ended with {code} and no report: {(self.folder / 'run.log').read_text(encoding='utf-8')[-1500:]}")
            report = None
        if report is not None:
            if code != 0:
                self.failures.append(f"run ended with {code}")
            for name in ("lost", "conflicts", "phantoms", "destroyed", "on_bus"):
                if report[name] != 0:
                    self.failures.append(f"{name}: {report[name]}")
            for name in ("accepted", "settled", "dead_lettered"):
                if report[name] != self.chaos.quiet[name]:
                    self.failures.append(f"{name}: {report[name]}, in quiet {self.chaos.quiet[name]}")
            self.failures += differences(self.chaos.quiet_rows, rows(self.out / "listings.sqlite"))
            say(f"{self.folder.name}: {done}; {seconds:.0f} s; accepted {report['accepted']:,}, lost {report['lost']}, "
                f"done again and recognised {report['duplicates']:,}")
        for failure in self.failures:
            say(f"{self.folder.name}: FAILED: {failure}")
        if self.failures:
            say(f"{self.folder.name}: everything about it is in {self.folder}")


class Chaos:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.inputs = ["--input", f"generate={options.generate}"]
        quiet = folder / "quiet"
        result = subprocess.run([options.millrace, "run", PIPELINE, "--bus", "mem:", "--out", str(quiet), *self.inputs, "--format=json"],
                                capture_output=True, text=True, check=False)
        if result.returncode != 0:
            sys.exit(f"the quiet run failed:\n{result.stderr}")
        self.quiet = json.loads(result.stdout)
        self.quiet_rows = rows(quiet / "listings.sqlite")
        say(f"quiet: {self.quiet['accepted']:,} accepted, {self.quiet['dead_lettered']:,} dead-lettered")
        self.broker = Broker(options.broker, folder / "broker", options.port)
        self.url = self.broker.url + ("&" if "?" in self.broker.url else "?") + options.parameters if options.parameters else self.broker.url

    def run(self):
        end = time.monotonic() + 60 * self.options.minutes
        number = failed = 0
        while number == 0 or (time.monotonic() < end and (not failed or self.options.keep_going)):
            number += 1
            one = Round(self, number)
            one.run()
            failed += bool(one.failures)
            if not one.failures:
                shutil.rmtree(one.folder)
        say(f"{number} rounds, {failed} failed")
        return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--millrace", default="bazel-bin/ops/millrace", help="the command (default: %(default)s)")
    parser.add_argument("--broker", required=True, help="ops/kafka or ops/rabbitmq: starts, stops and restarts one of its own")
    parser.add_argument("--port", type=int, default=0, help="where that listens (default: some way above the usual one)")
    parser.add_argument("--parameters", default="", help="appended to the bus URL, such as session.timeout.ms=6000")
    parser.add_argument("--minutes", type=float, default=2, help="begin no round after so long (default: %(default)s)")
    parser.add_argument("--trouble-seconds", type=float, default=25, help="how long a round is disturbed (default: %(default)s)")
    parser.add_argument("--generate", type=int, default=100_000, help="generated listings beside the real records (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=3, help="processes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which troubles, and when (default: %(default)s)")
    parser.add_argument("--keep-going", action="store_true", help="go on after a round that failed")
    options = parser.parse_args()
    options.millrace = os.path.abspath(options.millrace)
    options.port = options.port or (19392 if "kafka" in options.broker else 15692)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="millrace-chaos-", dir=os.environ.get("TEST_TMPDIR")))
    chaos = Chaos(options, folder)
    try:
        failed = chaos.run()
    finally:
        chaos.broker.call("stop")
    if not failed:
        shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
