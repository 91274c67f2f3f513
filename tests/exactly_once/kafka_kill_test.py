"""Exactly once on a real Kafka: processes of one stage are killed, stopped past every time-out and go on, and share a name; who reads committed data sees each
output once. `ops/kafka start` prints the URL that it needs."""

import collections
import os
import pathlib
import random
import re
import signal
import subprocess
import tempfile
import time
import unittest

WORKER = "tests/exactly_once/kafka_worker"
URL = os.environ.get("MILLRACE_KAFKA_URL", "")
BROKERS = re.sub(r"^kafka://|\?.*$", "", URL)
KEYS = 37
# Past the session, past the transaction's time, and past the ten seconds after which the broker looks whose time is up.
STOPPED_SECONDS = 16
END_SECONDS = 300


class KafkaKillTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(URL, "start a broker: ops/kafka start; then --test_env=MILLRACE_KAFKA_URL=… with the URL that it prints")
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.prefix = f"kill{os.getpid()}-{os.urandom(4).hex()}."
        self.bus = f"{URL}{'&' if '?' in URL else '?'}prefix={self.prefix}&session.timeout.ms=3000&transaction.timeout.ms=2000"
        self.logs = []

    def start(self, name, micros=300):
        log = open(self.folder / f"log-{len(self.logs)}", "wb")
        self.addCleanup(log.close)
        self.logs.append(pathlib.Path(log.name))
        worker = subprocess.Popen([WORKER, self.bus, name, str(micros)], stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(self.end, worker)
        self.wait_for(lambda: "at work" in self.words(self.logs[-1]), END_SECONDS, f"{name} has not started")
        return worker

    @staticmethod
    def end(worker):
        if worker.poll() is not None:
            return worker.returncode
        worker.send_signal(signal.SIGCONT)
        worker.terminate()
        try:
            return worker.wait(60)
        except subprocess.TimeoutExpired:
            worker.kill()
            return worker.wait()

    def wait_for(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, what + "\n" + self.said()[-3000:])
            time.sleep(0.2)

    @staticmethod
    def words(log):
        # It is being written: the last character may be there in part.
        return log.read_text(encoding="utf-8", errors="replace")

    def said(self):
        return "\n".join(f"{log.name}: {line}" for log in self.logs for line in self.words(log).splitlines())

    def kcat(self, arguments, **options):
        result = subprocess.run(["kcat", "-b", BROKERS, *arguments], capture_output=True, text=True, timeout=END_SECONDS, **options)
        self.assertEqual(result.returncode, 0, f"kcat {' '.join(arguments)}\n{result.stderr}")
        return result.stdout

    def feed(self, first, count):
        lines = "".join(f"k{n % KEYS}:{n}\n" for n in range(first, first + count))
        self.kcat(["-P", "-t", self.prefix + "in", "-K:", "-X", "partitioner=murmur2_random", "-X", "acks=all"], input=lines)

    def read(self, topic, isolation):
        """What lies in a topic for who reads so: key and body, in the order of each partition."""
        lines = self.kcat(["-C", "-t", self.prefix + topic, "-o", "beginning", "-e", "-q", "-f", "%k:%s\n", "-X", f"isolation.level={isolation}"])
        return [line.split(":") for line in lines.splitlines()]

    def await_outputs(self, count):
        """One reader that goes on reading, as each record read again is time that the workers do not have."""
        bodies, rest = set(), b""
        with open(self.folder / "outputs", "w+b") as file:
            reader = subprocess.Popen(["kcat", "-b", BROKERS, "-C", "-t", self.prefix + "out", "-o", "beginning", "-q", "-u", "-f", "%s\n",
                                       "-X", "isolation.level=read_committed"], stdout=file)
            try:
                with open(file.name, "rb") as lines:
                    def came():
                        nonlocal rest
                        self.assertIsNone(reader.poll(), "kcat has ended")
                        *whole, rest = (rest + lines.read()).split(b"\n")
                        bodies.update(whole)
                        return len(bodies) >= count

                    self.wait_for(came, END_SECONDS, f"not all of {count} outputs came")
            finally:
                reader.kill()
                reader.wait()

    def seen_once(self, count):
        """Fails where a reader of committed data does not see each output once; returns how many were aborted."""
        seen = self.read("out", "read_committed")
        times = collections.Counter(int(body) for _, body in seen)
        self.assertEqual([n for n in range(count) if times[n] == 0], [], "lost")
        self.assertEqual({n: t for n, t in times.items() if t > 1}, {}, "seen more than once")
        by_key = collections.defaultdict(list)
        for key, body in seen:
            by_key[key].append(int(body))
        for key, numbers in by_key.items():
            self.assertEqual(numbers, sorted(numbers), f"order of key {key}")
        everything = len(self.read("out", "read_uncommitted"))
        print(f"{len(seen)} seen once, {everything - len(seen)} aborted", flush=True)
        return everything - len(seen)

    def test_killed(self):
        workers = {name: self.start(name, micros=500) for name in "ab"}
        chance = random.Random(7)
        count = 60000
        self.feed(0, count)

        def kill_one():
            # The others stand still until the session of the dead one is over: then they work again.
            time.sleep(chance.uniform(2.0, 6.0))
            name = chance.choice(sorted(workers))
            workers[name].kill()
            workers[name].wait()
            workers[name] = self.start(name, micros=500)

        for _ in range(10):
            kill_one()
        self.await_outputs(count)
        # Whether one that was killed had a transaction open is chance, on a slow machine little of it: then it is tried again.
        end = time.monotonic() + END_SECONDS
        while self.seen_once(count) == 0:
            self.assertLess(time.monotonic(), end, "no transaction was aborted: nothing was tried")
            self.feed(count, 10000)
            count += 10000
            kill_one()
            self.await_outputs(count)

    def test_stopped_past_every_time_out(self):
        workers = [self.start("a"), self.start("b")]
        count = 0
        for turn in range(2):
            self.feed(count, 8000)
            count += 8000
            time.sleep(1.5)
            workers[turn].send_signal(signal.SIGSTOP)
            time.sleep(STOPPED_SECONDS)
            workers[turn].send_signal(signal.SIGCONT)
            time.sleep(1)
        self.await_outputs(count)
        self.seen_once(count)
        for worker in workers:
            self.assertEqual(self.end(worker), 0, self.said()[-3000:])

    def test_replaced_while_stopped(self):
        """Its heir has its name and has fenced it when it goes on."""
        count = 0
        old = self.start("a")
        self.feed(count, 8000)
        count += 8000
        time.sleep(1)
        old.send_signal(signal.SIGSTOP)
        heir = self.start("a")
        time.sleep(6)
        old.send_signal(signal.SIGCONT)
        self.feed(count, 4000)
        count += 4000
        self.await_outputs(count)
        self.seen_once(count)
        self.assertEqual(self.end(heir), 0, self.said()[-3000:])

    def test_two_of_one_name(self):
        self.start("same")
        self.start("same")
        told = re.compile(r'transactional\.id "[^"]*copy\.same": another producer has the same transactional id')
        count = 0
        end = time.monotonic() + END_SECONDS
        # Only who has work notices: on a slow machine the second gets its partitions late.
        while count < 5000 or not all(told.search(self.words(log)) for log in self.logs):
            self.assertLess(time.monotonic(), end, "one of them has not told that it was fenced\n" + self.said()[-3000:])
            self.feed(count, 1000)
            count += 1000
            time.sleep(1)
        self.await_outputs(count)
        self.seen_once(count)


if __name__ == "__main__":
    unittest.main()
