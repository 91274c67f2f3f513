"""Chaos on a real broker: the property pipeline in several processes, while workers are killed, stopped past the session time-out and replaced, and the broker
is restarted and killed. Round after round until the time is up, each over names of its own; after each the books must balance with nothing lost, and the store
must hold what a quiet run on the embedded bus leaves, row by row. And each process writes down what it sees and does: `millrace judge` lays that beside what the
broker has, and asks the simulator's own checkers (docs/decisions/0014-histories-of-real-runs.md).

    chaos.py --millrace PATH --broker ops/kafka --minutes 60
    chaos.py --millrace PATH --broker ops/kafka --brokers 3
    chaos.py --millrace PATH --broker ops/kafka --exactly-once

What is done again because it was not committed is printed ("uncommitted work redone"), and is no failure: at least once means that. With --exactly-once nobody
may see any of it.
"""

import argparse
import collections
import json
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

# By hand this is run without a path.
sys.path.append(str(pathlib.Path(__file__).absolute().parent.parent))
from ports import free_port

PIPELINE = "stages/property/property.textproto"
TABLES = ("listings", "history", "receipts")
# Longer than a session: others have taken over, and the one that wakes is a zombie.
ZOMBIE_SECONDS = 9.0
# No round takes longer, unless something is stuck.
ROUND_SECONDS_MAX = 300.0
# A worker has ten seconds to drain; the rest is for a machine that is busy.
END_SECONDS = 60
# How long one of three brokers stays away.
ONE_AWAY_SECONDS = 4.0
# Relative to the pipeline, which may be a copy elsewhere.
REAL_DATA = {
    "king_county": "stages/property/data/us_king_county_sales/kc_house_data.csv",
    "vancouver": "stages/property/data/ca_vancouver_building_permits/building_permits.csv",
}
# How often a broker that does not start again is asked to, a second apart.
RESTARTS = 10


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

    def __init__(self, script, folder, port, count):
        self.script = script
        self.count = count
        self.arguments = ["--dir", str(folder)]
        started = self.call("start", "--port", str(port), *(["--brokers" if "kafka" in str(script) else "--nodes", str(count)] if count > 1 else []))
        self.url = re.search(r"^\S+://\S+", started, re.MULTILINE).group(0)

    def call(self, verb, *more, may_fail=False):
        # Downloads are among the user's files, and a test is told of no home.
        environment = {"HOME": pwd.getpwuid(os.getuid()).pw_dir, **os.environ}
        result = subprocess.run([self.script, verb, *self.arguments, *more], env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0 and may_fail:
            return None
        if result.returncode != 0:
            sys.exit(f"{self.script} {verb} failed:\n{result.stdout}{result.stderr}")
        return result.stdout

    def restart(self, kill):
        self.call("stop", *(["--kill"] if kill else []))
        # One that was killed may hold its port for a moment.
        for left in range(RESTARTS, -1, -1):
            if self.call("start", may_fail=left > 0) is not None:
                return
            time.sleep(1)

    def one_away(self, number, kill):
        """One of several goes, and comes back."""
        self.call("stop", "--only", str(number), *(["--kill"] if kill else []))
        time.sleep(ONE_AWAY_SECONDS)
        for left in range(RESTARTS, -1, -1):
            if self.call("resume", "--only", str(number), may_fail=left > 0) is not None:
                return
            time.sleep(1)


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


# Promises that histories of real runs are enough for.
JUDGED = ["no-loss", "settled-correctly", "settle-before-confirm", "key-order", "commit-after-revoke", "phantom", "dead-letter", "one-id-one-content", "drain",
          "duplicates-explained", "log-consistency", "bounded", "liveness"]


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
        pipeline = self.chaos.pipeline
        command = [options.millrace, "work", pipeline, "--bus", self.url, "--out", str(self.out), "--drain-seconds", "10", "--history", str(self.out / "history")]
        workers = [Worker(f"w{i}", command, log) for i in range(options.workers)]
        self.out.mkdir()
        subprocess.run([options.millrace, "judge", pipeline, "--bus", self.url, "--begin"], stdout=log, stderr=log, check=True)
        start = time.monotonic()
        with open(self.folder / "run.json", "wb") as report, open(self.folder / "run.log", "wb") as errors:
            run = subprocess.Popen([options.millrace, "run", pipeline, "--bus", self.url, "--out", str(self.out), "--elsewhere",
                                    *self.chaos.inputs, "--format=json"], stdout=report, stderr=errors)
            for worker in workers:
                worker.start()
            # Whoever finds no broker as it begins says so and ends: trouble is for runs that are under way.
            while run.poll() is None and not list(self.out.glob("*.journal")) and time.monotonic() < start + ROUND_SECONDS_MAX:
                time.sleep(0.1)
            quiet_from = time.monotonic() + options.trouble_seconds
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
            code = worker.end(signal.SIGTERM, END_SECONDS)
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
        with open(self.folder / "faults", "a", encoding="utf-8") as faults:
            print(time.monotonic_ns(), kind, "" if kind.endswith("broker") else worker.name, file=faults)
        if kind == "kill":
            worker.send(signal.SIGKILL)
        elif kind == "zombie":
            worker.send(signal.SIGSTOP)
            time.sleep(ZOMBIE_SECONDS)
            worker.send(signal.SIGCONT)
        elif kind == "replace":
            worker.send(signal.SIGTERM)
        elif self.chaos.broker.count > 1:
            self.chaos.broker.one_away(self.random.randint(1, self.chaos.broker.count), kill=kind.startswith("kill"))
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
        if report is not None:
            self.judge_history()
        for failure in self.failures:
            say(f"{self.folder.name}: FAILED: {failure}")
        if self.failures:
            say(f"{self.folder.name}: everything about it is in {self.folder}")


    def judge_history(self):
        """What the simulator's checkers say of what everybody has written down."""
        (self.folder / "faults").touch()
        command = [self.chaos.options.millrace, "judge", self.chaos.pipeline, "--bus", self.url, "--out", str(self.out),
                   "--faults", str(self.folder / "faults"), "--format=json"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            verdict = json.loads(result.stdout)
        except ValueError:
            self.failures.append(f"judge ended with {result.returncode}: {result.stderr[-1500:]}")
            return
        (self.folder / "judged.json").write_text(result.stdout, encoding="utf-8")
        kept = [p["name"] for p in verdict["promises"] if p["verdict"] == "kept"]
        broken = [p for p in verdict["promises"] if p["verdict"] == "BROKEN"]
        self.failures += [f"{p['name']}: {finding}" for p in broken for finding in p["findings"]]
        # A judge who sees nothing finds nothing.
        if verdict["accepted"] != self.chaos.quiet["accepted"]:
            self.failures.append(f"the history has {verdict['accepted']} accepted jobs, in quiet {self.chaos.quiet['accepted']}")
        missing = set(JUDGED + (["exactly-once"] if self.chaos.options.exactly_once else [])) - set(kept) - {p["name"] for p in broken}
        if missing:
            self.failures.append(f"not checkable: {', '.join(sorted(missing))}")
        say(f"{self.folder.name}: history: {verdict['lines']:,} lines of {verdict['processes']} instances, {len(kept)} promises kept, {len(broken)} broken; "
            f"uncommitted work redone: {verdict['redone']:,}")


class Chaos:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.pipeline = PIPELINE
        self.inputs = ["--input", f"generate={options.generate}"]
        for name, path in REAL_DATA.items():
            self.inputs += ["--input", f"{name}={os.path.abspath(path)}"]
        if options.exactly_once:
            text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
            self.pipeline = str(folder / "exactly_once.textproto")
            # All stages that put something on the bus: the store has its inbox.
            changed = text.replace("  execution: INLINE\n", "  execution: INLINE\n  delivery: EXACTLY_ONCE\n")
            if changed == text:
                sys.exit(f"no stage of {PIPELINE} is made EXACTLY_ONCE")
            pathlib.Path(self.pipeline).write_text(changed, encoding="utf-8")
        quiet = folder / "quiet"
        result = subprocess.run([options.millrace, "run", self.pipeline, "--bus", "mem:?semantics=log" if options.exactly_once else "mem:", "--out", str(quiet), *self.inputs, "--format=json"],
                                capture_output=True, text=True, check=False)
        if result.returncode != 0:
            sys.exit(f"the quiet run failed:\n{result.stderr}")
        self.quiet = json.loads(result.stdout)
        self.quiet_rows = rows(quiet / "listings.sqlite")
        say(f"quiet: {self.quiet['accepted']:,} accepted, {self.quiet['dead_lettered']:,} dead-lettered")
        self.broker = Broker(options.broker, folder / "broker", options.port, options.brokers)
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
    parser.add_argument("--brokers", type=int, default=1, choices=[1, 3], help="how many; of three, one at a time is taken away (default: %(default)s)")
    parser.add_argument("--exactly-once", action="store_true", help="with transactions (Kafka), and nothing may be seen twice")
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
    options.port = options.port or free_port(19392 if "kafka" in options.broker else 15692)
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
