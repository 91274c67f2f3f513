"""What a stage holds in memory while its output takes nothing and its input has plenty, and that nothing is lost when that ends. On a broker of its own: for
Kafka three brokers of which one is away, so that a topic can be told to want all of its replicas."""

import contextlib
import math
import os
import subprocess
import time

from peer_brokers import Failed, Kafka, RabbitMQ, call
from peer_figures import Bound

MIB = 1 << 20
BODY_BYTES = 8192
WINDOW_MESSAGES = 1024  # of a partition: the worker's own
WINDOW_BYTES = 8 * MIB
QUEUED_BYTES = 16 * MIB  # of a partition: queued.max.messages.kbytes, as our driver sets it
BUFFERING_BYTES = 64 * MIB  # queue.buffering.max.kbytes, the same
PREFETCH = 1024  # of a queue: what our stages ask for
FETCH_BYTES = 2 * MIB  # of a partition: what a fetch brings beyond that, and one under way
BASE_MIB = 64  # the program, its threads' stacks, buffers of sockets, what the allocator keeps
BESIDE = 1.1  # what is kept of a record beside its body: key, headers, places in queues and windows
PROGRAM_MIB = 10  # no program of ours has less

QUIET_SECONDS = 3  # without growth
STALL_SECONDS_MIN = 10  # until a program has its partitions, and has read ahead
STALL_SECONDS_MAX = 40
END_SECONDS = 300
WRITTEN_SECONDS = 30


class KafkaSink:
    """Its topics have three replicas, and two of them are there: a topic that wants three in sync refuses what is to be acknowledged by all."""

    kind = Kafka

    def __init__(self, folder, port, binaries):
        self._folder = folder
        self._topic = os.path.join(binaries, "tests/peers/kafka_topic")
        url = call(["ops/kafka", "start", "--brokers", "3", "--port", str(port), "--dir", folder]).decode().split()[-1]
        call(["ops/kafka", "stop", "--only", "3", "--dir", folder])
        self.broker = Kafka(url, binaries)

    def stall(self, topic):
        call([self._topic, self.broker.address, topic, "min.insync.replicas", "3"])

    def resume(self, topic):
        call([self._topic, self.broker.address, topic, "min.insync.replicas", "2"])

    def written(self, topic, group, partitions):
        del group
        ends = [argument for p in range(partitions) for argument in ("-t", "%s:%d:-1" % (topic, p))]
        return sum(int(line.split()[-1]) for line in call(["kcat", "-b", self.broker.address, "-Q", *ends]).splitlines())

    @staticmethod
    def bound_bytes(partitions, body_bytes):
        # What is read ahead, what is in the window, its outputs, and those again in the producer's queue.
        window = window_bytes(body_bytes)
        return partitions * (QUEUED_BYTES + FETCH_BYTES + 2 * window) + min(BUFFERING_BYTES, partitions * window)


class RabbitSink:
    """It believes to have run out of memory, and reads nothing from connections that publish; consumers go on."""

    kind = RabbitMQ

    def __init__(self, folder, port, binaries):
        self._folder = folder
        self.broker = RabbitMQ(RabbitMQ.start(folder, port), binaries)

    def _ctl(self, *command):
        return call(["ops/rabbitmq", "ctl", "--dir", self._folder, "--", *command]).decode()

    def stall(self, topic):
        del topic
        self._ctl("set_vm_memory_high_watermark", "absolute", "1")

    def resume(self, topic):
        del topic
        self._ctl("set_vm_memory_high_watermark", "0.4")

    def written(self, topic, group, partitions):
        there = dict(line.split("\t") for line in self._ctl("list_queues", "name", "messages").splitlines() if "\t" in line)
        return sum(int(there["%s:%s-reader:%d" % (topic, group, p)]) for p in range(partitions))

    @staticmethod
    def bound_bytes(partitions, body_bytes):
        # All that was delivered and not acknowledged, and as many outputs.
        return 2 * partitions * PREFETCH * body_bytes


SINKS = {"kafka": KafkaSink, "rabbitmq": RabbitSink}


@contextlib.contextmanager
def broker(name, folder, port, binaries):
    """One that can be told to take nothing, as long as it is needed."""
    sink = SINKS[name]
    try:
        yield sink(folder, port, binaries)
    finally:
        sink.kind.stop(folder)


def disk_bytes(count):
    """What the records of two programs take: on Kafka two replicas of an input and two outputs, on RabbitMQ two queues of each and their log."""
    return 6 * count * BODY_BYTES


def window_bytes(body_bytes):
    """What the worker takes in of one partition before it stops."""
    return min(WINDOW_BYTES, WINDOW_MESSAGES * body_bytes)


def bound_mib(sink, partitions, body_bytes=BODY_BYTES):
    """What `millrace bench stage` may hold, with its defaults."""
    return BASE_MIB + math.ceil(BESIDE * sink.bound_bytes(partitions, body_bytes) / MIB)


def memory_bound(sink, partitions):
    limit = bound_mib(sink, partitions)
    return Bound("at most %d MiB" % limit, lambda ours, theirs, ratio: ours <= limit)


def peak_mib(status):
    """The most that a process has had in memory so far, from the text of /proc/PID/status."""
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise Failed("a process has ended while its output was to take nothing")


class Quiet:
    """Sees whether something that only grows has come to rest, and not below `least`."""

    def __init__(self, least):
        self._least = least
        self._seen = 0
        self._since = 0

    def see(self, value, now):
        if value >= self._seen + 1:
            self._seen, self._since = value, now
        return value >= self._least and now - self._since >= QUIET_SECONDS


def await_peak(stage, least):
    """The memory of a stage when it grows no more, MiB."""
    quiet, begin = Quiet(least), time.monotonic()
    while True:
        if stage.poll() is not None:
            raise Failed("a stage ended with status %d while its output was to take nothing" % stage.returncode)
        with open("/proc/%d/status" % stage.pid, encoding="utf-8") as file:
            peak = peak_mib(file.read())
        now = time.monotonic()
        rests = quiet.see(peak, now)
        if now > begin + (STALL_SECONDS_MIN if rests else STALL_SECONDS_MAX):
            return peak
        time.sleep(0.2)


def measure(bench, sink, count):
    """Peaks of memory in MiB by side, with `count` records of BODY_BYTES waiting for each."""
    topic = "stalled"
    groups = bench.prepare(topic, count, ["--bytes", str(BODY_BYTES)])
    return {side: one_side(bench, sink, side, topic, groups[side], count) for side in bench.sides}


def one_side(bench, sink, side, topic, group, count):
    out = bench.output(topic, side)
    command = bench.command(side, topic, group, count)
    if side == "millrace":
        command += ["--patience", str(END_SECONDS)]
    # What ours takes in before it waits; of theirs nothing is known.
    least = PROGRAM_MIB + bench.partitions * window_bytes(BODY_BYTES) / MIB if side == "millrace" else 0
    stage = None
    sink.stall(out)
    try:
        try:
            stage = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            peak = await_peak(stage, least)
            written = sink.written(out, group, bench.partitions)
        finally:
            sink.resume(out)
        if peak < least or written > count // 100:
            raise Failed("the output of %s was to take nothing and has taken %d records, with %.0f MiB in memory" % (side, written, peak))
        if stage.wait(END_SECONDS) != 0:
            raise Failed("the stage of %s ended with status %d after its output had taken nothing" % (side, stage.returncode))
    finally:
        if stage is not None and stage.poll() is None:
            stage.kill()
            stage.wait()
    await_written(sink, out, group, bench.partitions, count)
    return peak


def await_written(sink, out, group, partitions, count):
    """A RabbitMQ counts what lies in its queues now and then."""
    end = time.monotonic() + WRITTEN_SECONDS
    while True:
        written = sink.written(out, group, partitions)
        if written == count:
            return
        if written > count or time.monotonic() > end:
            raise Failed("%s has taken %d records of %d" % (out, written, count))
        time.sleep(1)
