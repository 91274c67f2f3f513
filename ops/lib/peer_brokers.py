"""What differs between Kafka and RabbitMQ for a benchmark: how one is started, where its records are, how they are looked at from outside."""

import collections
import os
import subprocess


class Failed(Exception):
    """A program ended otherwise than it should, or two that should agree do not."""


def call(command, seconds=300):
    """Runs a program to its end; what it printed."""
    done = subprocess.run(command, capture_output=True, check=False, timeout=seconds)
    if done.returncode != 0:
        raise Failed("%s ended with status %d: %s" % (" ".join(command), done.returncode, done.stderr.decode(errors="replace").strip()))
    return done.stdout


class Kafka:
    peer = "kafka_stage"
    title = "Kafka"
    keeps_input = True  # a new group reads the same records again
    record_bytes = 600  # on disk, as the benchmark writes it
    default_count = 500_000

    def __init__(self, url, binaries):
        del binaries
        self.url = url
        self.address = url.split("://")[1].split("?")[0]

    @staticmethod
    def start(folder, port):
        return call(["ops/kafka", "start", "--port", str(port), "--dir", folder]).decode().split()[-1]

    @staticmethod
    def stop(folder):
        call(["ops/kafka", "stop", "--kill", "--dir", folder])  # its data go with it

    def records(self, topic, group, partitions, count):
        """Key -> its records in order, each as all of it but its offset."""
        del group, partitions
        lines = call(["kcat", "-b", self.address, "-C", "-t", topic, "-c", str(count), "-e", "-q", "-o", "beginning",
                      "-f", "%p %k %T %K %S %h %s\n"]).splitlines()
        return by_key((b" ".join(line.split(b" ", 2)[:2]), line) for line in lines)

    def forget(self, topic, group, partitions):
        """The broker keeps what was written, and needs the disk for it."""



class RabbitMQ:
    peer = "rabbitmq_stage"
    title = "RabbitMQ"
    keeps_input = False
    record_bytes = 800
    default_count = 50_000

    def __init__(self, url, binaries):
        self.url = url
        self.address = url.rstrip("/")  # rabbitmq-c reads `amqp://host/` as a virtual host without a name
        self._dump = os.path.join(binaries, "tests/peers/rabbitmq_dump")

    @staticmethod
    def start(folder, port):
        return call(["ops/rabbitmq", "start", "--port", str(port), "--dir", folder]).decode().split()[-1]

    @staticmethod
    def stop(folder):
        call(["ops/rabbitmq", "stop", "--dir", folder])

    def records(self, topic, group, partitions, count):
        """The same; each as all of it but its message-id, in which publishers count."""
        del count
        lines = []
        for partition in range(partitions):
            lines += call([self._dump, self.address, "%s:%s-reader:%d" % (topic, group, partition)]).splitlines()
        return by_key((line.split(b" ", 1)[0], line) for line in lines)

    def forget(self, topic, group, partitions):
        for partition in range(partitions):
            call(["amqp-delete-queue", "--url", self.address, "-q", "%s:%s-reader:%d" % (topic, group, partition)])


def by_key(pairs):
    found = collections.defaultdict(list)
    for key, record in pairs:
        found[key].append(record)
    return found


def compare(ours, theirs, count):
    """Whether two programs have written the same: the same records of each key, in the same order."""
    for name, found in (("millrace", ours), ("the C program", theirs)):
        written = sum(len(records) for records in found.values())
        if written != count:
            raise Failed("%s has written %d records of %d" % (name, written, count))
    for key in sorted(set(ours) | set(theirs)):
        for place, (our, their) in enumerate(zip(ours.get(key, []), theirs.get(key, []))):
            if our != their:
                raise Failed("record %d of key %r differs:\n  millrace %r\n  C        %r" % (place, key, our, their))
        if len(ours.get(key, [])) != len(theirs.get(key, [])):
            raise Failed("key %r: millrace has written %d records, the C program %d" % (key, len(ours.get(key, [])), len(theirs.get(key, []))))
