"""Sets `millrace bench stage` beside hand-written C on a real broker, and prints one table. Called by ops/bench with the folder of the binaries, or `-` to
have the options looked at and nothing else; the working folder is the workspace."""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import peer_instructions
import sink_stall
from peer_brokers import Failed, Kafka, RabbitMQ, call, compare
from peer_figures import BOUNDS, HEAD, Paired, bound_row, paired_row, parse, row

SIDES = ("millrace", "c")
CHECKED = 20_000
RATE = 500  # of records a second, where latency is measured
LATENCY_RECORDS = 3_000
IDLE_SECONDS = 8
SETTLE_SECONDS = 3  # until a stage that was started has its partitions
LIMIT_SECONDS = 300  # for any one program


def cpu_ticks(pid):
    """Processor time of a process, in clock ticks."""
    with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Bench:
    """The two programs on one broker."""

    def __init__(self, broker, binaries, partitions, sides=SIDES):
        self.broker = broker
        self.partitions = partitions
        self.sides = sides
        self._millrace = os.path.join(binaries, "ops/millrace")
        self._peer = os.path.join(binaries, "tests/peers", broker.peer)
        self._groups = 0
        self._filled = set()

    def command(self, side, topic, group, count):
        """Of the program that takes `count` records of a topic to the side's output topic."""
        if side == "c":
            return [self._peer, self.broker.address, topic, self.output(topic, side), group, str(count), str(self.partitions)]
        return self.millrace("stage", topic, side, group, count)

    def millrace(self, verb, topic, side, group, count):
        return [self._millrace, "bench", verb, "--bus", self.broker.url, "--in", topic, "--out", self.output(topic, side), "--group", group,
                "--count", str(count), "--partitions", str(self.partitions)]

    @staticmethod
    def output(topic, side):
        return "%s-out-%s" % (topic, side)

    def prepare(self, topic, count, more=()):
        """Makes the topics of the sides and fills the input, `more` says how; the groups that read it: on Kafka new ones, which begin at the beginning."""
        self._groups += 1
        groups = {side: "%s-%s" % (side, self._groups if self.broker.keeps_input else topic) for side in self.sides}
        for side in self.sides:
            call(self.millrace("topics", topic, side, groups[side], 1))
        if not self.broker.keeps_input or topic not in self._filled:
            call(self.millrace("fill", topic, self.sides[-1], groups[self.sides[-1]], count) + list(more))
            self._filled.add(topic)
        return groups

    def turn(self, topic, count, c_first):
        """Both sides, one after the other; their figures."""
        groups = self.prepare(topic, count)
        figures = {}
        for side in reversed(SIDES) if c_first else SIDES:
            figures[side] = parse(call(self.command(side, topic, groups[side], count), LIMIT_SECONDS).decode())
        return figures, groups

    def check(self):
        """Both programs take the same records; what comes out must be the same."""
        topic = "check"
        _, groups = self.turn(topic, CHECKED, c_first=True)
        found = {side: self.broker.records(self.output(topic, side), groups[side], self.partitions, CHECKED) for side in SIDES}
        compare(found["millrace"], found["c"], CHECKED)

    def forget(self, topic, groups):
        """Lets the broker have the room again that the outputs took, where it can."""
        for side in SIDES:
            self.broker.forget(self.output(topic, side), groups[side], self.partitions)

    def throughput(self, count, pairs, warm):
        topic = "full"
        figures = []
        for n in range(warm + pairs):
            came, groups = self.turn(topic, count, c_first=n % 2 == 0)
            if n >= warm:
                figures.append(came)
            self.forget(topic, groups)
            progress("pair %d of %d%s" % (n + 1, warm + pairs, "" if n >= warm else ", which warms up"))
        speed = Paired(*([f[side]["messages_per_second"] for f in figures] for side in SIDES))
        cpu = Paired(*([1e6 * f[side]["cpu_s"] / count for f in figures] for side in SIDES))
        return speed, cpu

    def latency(self, pairs):
        """p50 and p99 in ms, of both sides, at a rate that leaves them idle most of the time."""
        figures = {side: [] for side in SIDES}
        for n in range(pairs):
            for side in SIDES if n % 2 == 0 else reversed(SIDES):
                topic, group = "rate-" + side, "rate"
                call(self.millrace("topics", topic, side, group, 1))
                stage = self.start(side, topic, group, LATENCY_RECORDS)
                try:
                    probe = self.millrace("probe", topic, side, group, LATENCY_RECORDS) + ["--rate", str(RATE)]
                    figures[side].append(parse(call(probe).decode()))
                    if stage.wait(LIMIT_SECONDS) != 0:
                        raise Failed("the stage of %s ended with status %d while its latency was measured" % (side, stage.returncode))
                finally:
                    end(stage)
            progress("latency, pair %d of %d" % (n + 1, pairs))
        return tuple(Paired(*([f[name] for f in figures[side]] for side in SIDES)) for name in ("p50_ms", "p99_ms"))

    def start(self, side, topic, group, count):
        """A stage at work in the background, with its partitions."""
        stage = subprocess.Popen(self.command(side, topic, group, count), stdout=subprocess.DEVNULL)
        time.sleep(SETTLE_SECONDS)
        if stage.poll() is not None:
            raise Failed("the stage of %s ended with status %d before it had anything to do" % (side, stage.returncode))
        return stage

    def idle(self):
        """Percent of a core that a stage takes that has nothing to do."""
        percent = []
        for side in SIDES:
            topic, group = "idle-" + side, "idle"
            call(self.millrace("topics", topic, side, group, 1))
            stage = self.start(side, topic, group, 1)
            try:
                before, begin = cpu_ticks(stage.pid), time.monotonic()
                time.sleep(IDLE_SECONDS)
                ticks, seconds = cpu_ticks(stage.pid) - before, time.monotonic() - begin
            finally:
                end(stage)
            percent.append(100 * ticks / os.sysconf("SC_CLK_TCK") / seconds)
        return percent


def end(process):
    if process.poll() is None:
        process.terminate()
        process.wait(LIMIT_SECONDS)


def progress(words):
    print("  " + words, file=sys.stderr, flush=True)


def print_table(bench, options):
    bounds = BOUNDS[bench.broker.title]
    print("\nOne stage on %s: %d records, %d partitions, %d pairs of runs in turns; medians" % (bench.broker.title, options.count, bench.partitions, options.pairs))
    print(HEAD, flush=True)
    bench.check()
    print(row("output records, byte-identical", CHECKED, CHECKED), flush=True)
    speed, cpu = bench.throughput(options.count, options.pairs, options.warm)
    print(paired_row("messages a second", speed, "%.0f", bounds["throughput"]))
    print(paired_row("processor time for a message, us", cpu, "%.2f", bounds["cpu"]), flush=True)
    for name, paired in zip(("p50", "p99"), bench.latency(options.latency_pairs)):
        ours, theirs = paired.medians()
        print(bound_row("latency at %d a second, %s, ms" % (RATE, name), ours, theirs, "%.3f", "%+.3f ms" % (ours - theirs), bounds[name]), flush=True)
    print(bound_row("with nothing to do, % of a core", *bench.idle(), "%.2f", "", bounds["idle"]), flush=True)


def print_stall(options, folder):
    """The memory of both while their output takes nothing, on a broker of its own."""
    with sink_stall.broker(options.broker, os.path.join(folder, "stalled"), options.port + 10, options.binaries) as sink:
        peaks = sink_stall.measure(Bench(sink.broker, options.binaries, options.partitions), sink, options.stalled_count)
        bound = sink_stall.memory_bound(sink, options.partitions)
    print(bound_row("memory while the output stalls, MiB", peaks["millrace"], peaks["c"], "%.0f", "", bound), flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog="ops/bench kafka|rabbitmq", description="`millrace bench stage` beside hand-written C, on a broker of its own.")
    parser.add_argument("binaries", help=argparse.SUPPRESS)
    parser.add_argument("broker", choices=("kafka", "rabbitmq"), help=argparse.SUPPRESS)
    parser.add_argument("--instructions", action="store_true", help="count instructions for a message under callgrind, and measure nothing else")
    parser.add_argument("--count", type=int, help="records of a run (Kafka: 500000, RabbitMQ: 50000)")
    parser.add_argument("--pairs", type=int, default=15, help="pairs of runs, default 15")
    parser.add_argument("--warm", type=int, default=3, help="pairs before those, which are not counted, default 3")
    parser.add_argument("--latency-pairs", type=int, default=5, help="pairs of runs at %d a second, default 5" % RATE)
    parser.add_argument("--stalled-count", type=int, default=100_000, help="records of %d bytes that wait while the output stalls, default 100000" % sink_stall.BODY_BYTES)
    parser.add_argument("--partitions", type=int, default=8, help="default 8")
    parser.add_argument("--port", type=int, default=28592, help="port of the broker that is started, default 28592")
    options = parser.parse_args()
    for name in ("pairs", "latency_pairs", "partitions"):
        if getattr(options, name) < 1:
            parser.error("--%s is at least 1" % name.replace("_", "-"))
    if options.warm < 0 or options.stalled_count < 1000 or (options.count is not None and options.count < 1000):
        parser.error("--warm is at least 0, --count and --stalled-count at least 1000")
    return options


def main():
    options = arguments()
    if options.binaries == "-":
        return
    kind = {"kafka": Kafka, "rabbitmq": RabbitMQ}[options.broker]
    options.count = options.count or kind.default_count
    folder = tempfile.mkdtemp(prefix="millrace-bench.")
    needed = options.count * kind.record_bytes * (1 + 2 * (options.pairs + options.warm) if kind.keeps_input else 6)
    needed += sink_stall.disk_bytes(options.stalled_count)
    if shutil.disk_usage(folder).free < 2 * needed:
        sys.exit("ops/bench: %s needs %.0f GB of disk; name another folder with TMPDIR, or take fewer with --count" % (folder, 2e-9 * needed))
    # So that the broker is stopped also when somebody ends this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        url = kind.start(os.path.join(folder, "broker"), options.port)
        bench = Bench(kind(url, options.binaries), options.binaries, options.partitions)
        if options.instructions:
            peer_instructions.print_table(bench)
        else:
            print_table(bench, options)
            print_stall(options, folder)
    except (Failed, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
        sys.exit("ops/bench: %s" % error)
    finally:
        try:
            kind.stop(os.path.join(folder, "broker"))
        except (Failed, subprocess.TimeoutExpired) as error:
            print("ops/bench: the broker in %s may still run: %s" % (folder, error), file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
