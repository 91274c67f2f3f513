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
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

# By hand this is run without a path.
sys.path.append(str(pathlib.Path(__file__).absolute().parent.parent))
import brokers
import ports
import workers
import zombies

PIPELINE = "stages/property/property.textproto"
TABLES = ("listings", "history", "receipts")
# No round takes longer, unless something is stuck; and no call of `judge`.
ROUND_SECONDS_MAX = 300.0
JUDGE_SECONDS_MAX = 600.0
# How long after the last job all is settled; and how long nothing more may come until that is believed: who was away from the broker may have publishes left of
# what others have done again meanwhile, and needs a second to find it (reconnect.backoff.max.ms).
SETTLE_SECONDS_MAX = 60.0
QUIET_SECONDS = 3.0
# Relative to the pipeline, which may be a copy elsewhere.
REAL_DATA = {
    "king_county": "stages/property/data/us_king_county_sales/kc_house_data.csv",
    "vancouver": "stages/property/data/ca_vancouver_building_permits/building_permits.csv",
}
# What goes wrong, and how often beside the others; what a broker has done to it, by its last word.
KINDS = {"kill": 6, "zombie": 3, "replace": 3, "restart the broker": 1, "kill the broker": 1}
# What RabbitMQ's own tools do to it besides.
RABBITMQ_KINDS = {"cut the connections": 2, "alarm": 1}
# What has to have happened in some round.
NEEDED = ("kill", "zombie that lost what it held", "kill the broker")
# As many rounds more, where the time has not been enough for that.
MORE_ROUNDS = 3


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


# Promises that histories of real runs are enough for.
JUDGED = ["no-loss", "settled-correctly", "settle-before-confirm", "key-order", "commit-after-revoke", "phantom", "dead-letter", "one-id-one-content", "drain",
          "duplicates-explained", "log-consistency", "bounded", "liveness"]


class Deck:
    """What goes wrong next: each kind once, then as often as `kinds` says, over and over."""

    def __init__(self, seed, kinds):
        self.random = random.Random(seed)
        self.kinds = kinds
        self.cards = list(kinds)
        self.random.shuffle(self.cards)

    def draw(self):
        if not self.cards:
            self.cards = [kind for kind, count in self.kinds.items() for _ in range(count)]
            self.random.shuffle(self.cards)
        return self.cards.pop()


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
        self.outages = workers.Outages()
        self.zombies = []
        self.failures = []

    def run(self):
        options = self.chaos.options
        pipeline = self.chaos.pipeline
        command = [options.millrace, "work", pipeline, "--bus", self.url, "--out", str(self.out), "--drain-seconds", str(workers.DRAIN_SECONDS),
                   "--history", str(self.out / "history")]
        (self.folder / "workers").mkdir()
        crew = [workers.Worker(f"w{i}", command, self.folder / "workers") for i in range(options.workers)]
        self.out.mkdir()
        with open(self.folder / "begin.log", "wb") as log:
            subprocess.run([options.millrace, "judge", pipeline, "--bus", self.url, "--begin"], stdout=log, stderr=log, check=True, timeout=JUDGE_SECONDS_MAX)
        start = time.monotonic()
        with open(self.folder / "run.json", "wb") as report, open(self.folder / "run.log", "wb") as errors:
            run = subprocess.Popen([options.millrace, "run", pipeline, "--bus", self.url, "--out", str(self.out), "--elsewhere",
                                    *self.chaos.inputs, "--format=json"], stdout=report, stderr=errors)
            for worker in crew:
                worker.start()
            # Whoever finds no broker as it begins says so and ends: trouble is for runs that are under way.
            while run.poll() is None and not list(self.out.glob("*.journal")) and time.monotonic() < start + ROUND_SECONDS_MAX:
                time.sleep(0.1)
            quiet_from = time.monotonic() + options.trouble_seconds
            while run.poll() is None and time.monotonic() < start + ROUND_SECONDS_MAX:
                if time.monotonic() < quiet_from:
                    self.trouble(run, crew)
                # It may have ended meanwhile: then nobody is needed any more.
                if run.poll() is not None:
                    break
                for worker in crew:
                    if not worker.alive():
                        self.add(worker.failure(self.outages))
                        worker.start()
                time.sleep(0.2)
            if run.poll() is None:
                self.failures.append(f"the run has not ended within {ROUND_SECONDS_MAX:.0f} s")
                run.kill()
                run.wait()
            else:
                self.settle(crew)
        for worker in crew:
            self.add(worker.end(self.outages, idle=not self.failures))
        self.judge(run.returncode, time.monotonic() - start)

    def settle(self, crew):
        """All jobs have ended. What was done while its partition moved on comes once more, to be recognised and settled: who is stopped before that leaves it
        to the next run, in good order, and `judge` would say so."""
        for worker in crew:
            if not worker.alive():
                self.add(worker.failure(self.outages))
                worker.start()
        if not self.chaos.kafka:
            time.sleep(self.chaos.patience.zombie_seconds)  # its lag is for plugins to tell
            return
        behind = None
        quiet_since = float("inf")
        end = time.monotonic() + SETTLE_SECONDS_MAX
        while time.monotonic() < min(end, quiet_since + QUIET_SECONDS):
            time.sleep(0.5)
            told = subprocess.run([self.chaos.options.millrace, "lag", self.chaos.pipeline, "--bus", self.url, "--seconds", "0", "--format=json"],
                                  capture_output=True, text=True, check=False, timeout=SETTLE_SECONDS_MAX)
            if told.returncode in (0, 1):
                behind = sum(partition["lag"] for stage in json.loads(told.stdout)["stages"] for partition in stage["partitions"])
            quiet_since = min(quiet_since, time.monotonic()) if behind == 0 else float("inf")
        if behind != 0:
            self.failures.append(f"{behind} messages are not settled {SETTLE_SECONDS_MAX:.0f} s after the last job has ended")

    def add(self, failure):
        if failure is not None:
            self.failures.append(failure)

    def trouble(self, run, crew):
        """One thing that goes wrong, and a while in which it takes effect."""
        time.sleep(self.random.uniform(0.5, 3.0))
        worker = self.random.choice([worker for worker in crew if worker.alive()] or crew)
        if run.poll() is not None or not worker.alive():
            return
        kind = self.chaos.deck.draw()
        with open(self.folder / "faults", "a", encoding="utf-8") as faults:
            print(time.monotonic_ns(), kind, worker.name if kind in ("kill", "zombie", "replace") else "", file=faults)
        if kind == "kill":
            worker.send(signal.SIGKILL)
        elif kind == "zombie":
            stopped = time.monotonic_ns()
            worker.send(signal.SIGSTOP)
            time.sleep(self.chaos.patience.zombie_seconds)
            self.zombies.append(zombies.Zombie(worker.process_name, stopped, time.monotonic_ns()))
            worker.send(signal.SIGCONT)
        elif kind == "replace":
            worker.send(signal.SIGTERM)
        elif kind == "cut the connections":
            with self.outages:
                self.chaos.broker.cut()
        elif kind == "alarm":
            self.chaos.broker.alarm()
        else:
            with self.outages:
                if self.chaos.broker.count > 1:
                    self.chaos.broker.one_away(self.random.randint(1, self.chaos.broker.count), kill=kind.startswith("kill"))
                else:
                    self.chaos.broker.restart(kill=kind.startswith("kill"))
        self.done[kind] += 1

    def judge_zombies(self):
        if not self.zombies:
            return
        files = [zombies.read_lines(path) for path in sorted((self.out / "history").glob("*.history"))]
        fates = [zombies.lost(zombie, files) for zombie in self.zombies]
        self.done["zombie that lost what it held"] += fates.count(True)
        say(f"{self.folder.name}: {fates.count(True)} of {len(fates)} zombies have lost what they held, {fates.count(None)} held nothing")

    def judge(self, code, seconds):
        if not self.done:
            self.failures.append("nothing was done to it")
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
            self.judge_zombies()
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
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=JUDGE_SECONDS_MAX)
        try:
            verdict = json.loads(result.stdout)
        except ValueError:
            self.failures.append(f"judge ended with {result.returncode}: {result.stderr[-1500:]}")
            return
        (self.folder / "judged.json").write_text(result.stdout, encoding="utf-8")
        kept = [p["name"] for p in verdict["promises"] if p["verdict"] == "kept"]
        broken = [p for p in verdict["promises"] if p["verdict"] == "BROKEN"]
        self.failures += [f"{p['name']}: {finding}" for p in broken for finding in p["findings"]]
        if (verdict["failed"] or result.returncode != 0) and not broken:
            self.failures.append(f"judge ended with {result.returncode} and says failed: {verdict['failed']}: {result.stderr[-1500:]}")
        # A judge who sees nothing finds nothing.
        if verdict["accepted"] != self.chaos.quiet["accepted"]:
            self.failures.append(f"the history has {verdict['accepted']} accepted jobs, in quiet {self.chaos.quiet['accepted']}")
        wanted = JUDGED + (["exactly-once"] if self.chaos.options.exactly_once else [])
        self.failures += [f"not checkable: {p['name']}: {p['why']}" for p in verdict["promises"] if p["name"] in wanted and p["verdict"] == "not checkable"]
        unknown = set(wanted) - {p["name"] for p in verdict["promises"]}
        if unknown:
            self.failures.append(f"judge says nothing of {', '.join(sorted(unknown))}")
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
        self.kafka = "kafka" in options.broker
        self.deck = Deck(options.seed, KINDS if self.kafka else {**KINDS, **RABBITMQ_KINDS})
        self.needed = NEEDED if self.kafka else (*NEEDED, *RABBITMQ_KINDS)
        self.patience = brokers.Patience(self.kafka, options.parameters)
        self.broker = brokers.Broker(options.broker, folder / "broker", options.port, options.brokers)
        self.url = self.broker.url + ("&" if "?" in self.broker.url else "?") + self.patience.parameters

    def run(self):
        end = time.monotonic() + 60 * self.options.minutes
        number = failed = more = 0
        done = collections.Counter()
        while number == 0 or not failed or self.options.keep_going:
            if number > 0 and time.monotonic() >= end:
                if all(done[kind] > 0 for kind in self.needed) or more == MORE_ROUNDS:
                    break
                more += 1
            number += 1
            one = Round(self, number)
            one.run()
            done += one.done
            failed += bool(one.failures)
            if not one.failures:
                shutil.rmtree(one.folder)
        lacking = [kind for kind in self.needed if done[kind] == 0]
        if lacking and not failed:
            say(f"FAILED: in no round there was: {', '.join(lacking)}")
            failed = 1
        say(f"{number} rounds, {failed} failed")
        return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--millrace", default="bazel-bin/ops/millrace", help="the command (default: %(default)s)")
    parser.add_argument("--broker", required=True, help="ops/kafka or ops/rabbitmq: starts, stops and restarts one of its own")
    parser.add_argument("--brokers", type=int, default=1, choices=[1, 3], help="how many; of three, one at a time is taken away (default: %(default)s)")
    parser.add_argument("--exactly-once", action="store_true", help="with transactions (Kafka), and nothing may be seen twice")
    parser.add_argument("--port", type=int, default=0, help="where that listens (default: some way above the usual one)")
    parser.add_argument("--parameters", default="", help="appended to the bus URL, such as session.timeout.ms=6000 (default: that a client is given up after 4 s)")
    parser.add_argument("--minutes", type=float, default=2, help="begin no round after so long (default: %(default)s)")
    parser.add_argument("--trouble-seconds", type=float, default=25, help="how long a round is disturbed (default: %(default)s)")
    parser.add_argument("--generate", type=int, default=100_000, help="generated listings beside the real records (default: %(default)s)")
    parser.add_argument("--workers", type=int, default=3, help="processes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="which troubles, and when (default: %(default)s)")
    parser.add_argument("--keep-going", action="store_true", help="go on after a round that failed")
    options = parser.parse_args()
    options.millrace = os.path.abspath(options.millrace)
    options.port = options.port or ports.free_port(19392 if "kafka" in options.broker else 15692)
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
