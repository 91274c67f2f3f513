"""What may be wrong with a Kafka, its topics, records and members: docs/reference/bad-input.md has it as a table. `ops/kafka start` prints the URL that it needs."""

import ctypes
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

DEMO = "tests/cli/demo"
PIPELINE = pathlib.Path("tests/cli/demo.textproto")
URL = os.environ.get("MILLRACE_KAFKA_URL", "")
BROKERS = re.sub(r"^kafka://|\?.*$", "", URL)
HOUR_MS = 3_600_000
# On a machine that is busy with other things too.
PATIENCE_SECONDS = 180
PRODUCER, FLUSH_MS = 0, 20_000
OP_CREATE, OP_DELETE = 1, 2
TOPIC, PARTITION, VALUE, TIMESTAMP, HEADERS, MSGFLAGS, END = 1, 3, 4, 8, 10, 7, 0
COPY = 2


class Librdkafka:
    """As much of Debian's library as kcat cannot do: headers without number, times, topics."""

    def __init__(self):
        self.lib = ctypes.CDLL("librdkafka.so.1")
        for name in ("rd_kafka_new", "rd_kafka_conf_new", "rd_kafka_headers_new", "rd_kafka_NewTopic_new", "rd_kafka_DeleteTopic_new",
                     "rd_kafka_queue_new", "rd_kafka_queue_poll", "rd_kafka_AdminOptions_new"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        why = ctypes.create_string_buffer(512)
        conf = ctypes.c_void_p(self.lib.rd_kafka_conf_new())
        self.lib.rd_kafka_conf_set(conf, b"bootstrap.servers", BROKERS.encode(), why, len(why))
        self.handle = ctypes.c_void_p(self.lib.rd_kafka_new(PRODUCER, conf, why, len(why)))

    def close(self):
        self.lib.rd_kafka_destroy(self.handle)

    def produce(self, topic, body, headers=0, timestamp_ms=0):
        made = ctypes.c_void_p(self.lib.rd_kafka_headers_new(8))
        for number in range(headers):
            name = str(number).encode()
            self.lib.rd_kafka_header_add(made, name, ctypes.c_ssize_t(len(name)), b"v", ctypes.c_ssize_t(1))
        error = self.lib.rd_kafka_producev(
            self.handle, TOPIC, topic.encode(), PARTITION, 0, VALUE, body, ctypes.c_size_t(len(body)), TIMESTAMP,
            ctypes.c_int64(timestamp_ms), MSGFLAGS, COPY, HEADERS, made, END)
        assert error == 0, error
        assert self.lib.rd_kafka_flush(self.handle, FLUSH_MS) == 0, "the broker does not take it"

    def _admin(self, operation, call, item):
        queue = ctypes.c_void_p(self.lib.rd_kafka_queue_new(self.handle))
        options = ctypes.c_void_p(self.lib.rd_kafka_AdminOptions_new(self.handle, operation))
        call(self.handle, ctypes.byref(item), ctypes.c_size_t(1), options, queue)
        event = ctypes.c_void_p(self.lib.rd_kafka_queue_poll(queue, FLUSH_MS))
        assert event.value and self.lib.rd_kafka_event_error(event) == 0
        self.lib.rd_kafka_event_destroy(event)
        self.lib.rd_kafka_AdminOptions_destroy(options)
        self.lib.rd_kafka_queue_destroy(queue)

    def make_topic(self, name, partitions):
        why = ctypes.create_string_buffer(512)
        item = ctypes.c_void_p(self.lib.rd_kafka_NewTopic_new(name.encode(), partitions, 1, why, ctypes.c_size_t(len(why))))
        self._admin(OP_CREATE, self.lib.rd_kafka_CreateTopics, item)

    def delete_topic(self, name):
        item = ctypes.c_void_p(self.lib.rd_kafka_DeleteTopic_new(name.encode()))
        self._admin(OP_DELETE, self.lib.rd_kafka_DeleteTopics, item)


class KafkaBadInputTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(URL, "start a broker: ops/kafka start; then --test_env=MILLRACE_KAFKA_URL=… with the URL that it prints")
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.prefix = f"bad{os.getpid()}-{os.urandom(4).hex()}."
        self.bus = f"{URL}{'&' if '?' in URL else '?'}prefix={self.prefix}"
        self.kafka = Librdkafka()
        self.addCleanup(self.kafka.close)

    def pipeline(self, *changes):
        text = PIPELINE.read_text(encoding="utf-8")
        for old, new in changes:
            self.assertIn(old, text)
            text = text.replace(old, new)
        path = self.folder / "changed.textproto"
        path.write_text(text, encoding="utf-8")
        return path

    def refused(self, bus, seconds=PATIENCE_SECONDS):
        begin = time.monotonic()
        result = subprocess.run([DEMO, "work", str(PIPELINE), "--bus", bus, "--out", str(self.folder / "out")], capture_output=True, text=True,
                                check=False, timeout=seconds)
        print(f"{time.monotonic() - begin:.1f} s: {result.stderr.strip()}", flush=True)
        self.assertNotEqual(result.returncode, 0)
        return result.returncode, result.stderr

    def start_worker(self, *arguments, pipeline=PIPELINE):
        log = self.folder / f"log-{len(list(self.folder.iterdir()))}"
        with open(log, "wb") as out:
            worker = subprocess.Popen([DEMO, "work", str(pipeline), "--bus", self.bus, "--stage", "check", "--out", str(self.folder / "work"),
                                       *arguments], stdout=out, stderr=subprocess.STDOUT)
        self.addCleanup(self.stop, worker)
        self.await_words(log, "at work on")
        return log, worker

    @staticmethod
    def stop(worker):
        if worker.poll() is not None:
            return worker.returncode
        worker.send_signal(signal.SIGTERM)
        try:
            return worker.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            worker.kill()
            raise

    @staticmethod
    def said(log):
        # It is being written: the last character may be there in part.
        return log.read_text(encoding="utf-8", errors="replace")

    def await_words(self, log, *words):
        end = time.monotonic() + PATIENCE_SECONDS
        while not all(word in self.said(log) for word in words):
            self.assertLess(time.monotonic(), end, f"{words} not in\n{self.said(log)}")
            time.sleep(0.2)
        for line in self.said(log).splitlines():
            if any(word in line for word in words):
                print(line, flush=True)

    def apply(self, pipeline=PIPELINE):
        subprocess.run([DEMO, "topology", "apply", str(pipeline), "--bus", self.bus], check=True, capture_output=True)

    def read(self, topic, count):
        """The bodies of the first records of a topic."""
        result = subprocess.run(["kcat", "-b", BROKERS, "-C", "-t", topic, "-o", "beginning", "-q", "-c", str(count), "-f", "%s\n"],
                                capture_output=True, text=True, errors="replace", check=True, timeout=PATIENCE_SECONDS)
        return sorted(result.stdout.splitlines())

    def settled(self, pipeline=PIPELINE):
        """Waits until nothing is left to read."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            result = subprocess.run([DEMO, "lag", str(pipeline), "--bus", self.bus, "--stage", "check", "--seconds", "0"], capture_output=True,
                                    text=True, check=False)
            if re.search(r"lag 0\b|, 0 behind|total 0", result.stdout) or result.returncode == 0:
                return
            self.assertLess(time.monotonic(), end, result.stdout + result.stderr)
            time.sleep(0.5)

    # ---- who answers

    def listen(self, serve):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)

        def loop():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=loop, daemon=True).start()
        return f"kafka://127.0.0.1:{server.getsockname()[1]}"

    def test_a_port_that_is_not_kafka(self):
        def http(connection):
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        code, words = self.refused(self.listen(http))
        self.assertEqual(code, 3, words)
        self.assertIn("no Kafka answers at 127.0.0.1:", words)
        self.assertIn("what listens there is no Kafka", words)

    def test_a_port_that_says_nothing(self):
        def silent(connection):
            with connection:
                while connection.recv(1 << 16):
                    pass

        code, words = self.refused(self.listen(silent))
        self.assertEqual(code, 3, words)
        self.assertIn("no Kafka answers at 127.0.0.1:", words)

    def test_a_login_that_is_refused(self):
        code, words = self.refused(f"{URL}?security.protocol=SASL_PLAINTEXT&sasl.mechanism=PLAIN&sasl.username=u&sasl.password=hunter2")
        self.assertEqual(code, 3, words)
        self.assertIn("SASL", words)
        self.assertIn("the user and its password", words)
        self.assertNotIn("hunter2", words)

    # ---- records

    def test_records_of_others(self):
        """No header of ours, no key, no body, no text, more headers than anybody needs, a time to come: each ends as an output or a dead letter."""
        self.apply()
        topic = self.prefix + "numbers"
        self.kafka.produce(topic, b"good 1")
        self.kafka.produce(topic, b"bad \xff\xfe\x00 2")
        self.kafka.produce(topic, b"good 3", headers=100_000)
        self.kafka.produce(topic, b"good 4", timestamp_ms=int(time.time() * 1000) + 48 * HOUR_MS)
        self.kafka.produce(topic, b"good 5", timestamp_ms=1)
        self.start_worker()
        self.assertEqual(self.read(self.prefix + "good", 4), ["good 1", "good 3", "good 4", "good 5"])
        self.assertEqual(len(self.read(self.prefix + "dead", 1)), 1)
        self.settled()

    def test_a_time_that_the_topic_of_others_does_not_allow(self):
        others = self.prefix + "others"
        self.kafka.make_topic(others, 4)
        pipeline = self.pipeline(('topic { name: "good" partitions: 4 }', f'topic {{ name: "good" partitions: 4 existing: "{others}" }}'))
        self.apply(pipeline)
        self.kafka.produce(self.prefix + "numbers", b"good 1", timestamp_ms=int(time.time() * 1000) + 48 * HOUR_MS)
        log, _ = self.start_worker(pipeline=pipeline)
        self.await_words(log, f'topic "{others}" did not take a message: INVALID_TIMESTAMP', "message.timestamp.after.max.ms")

    # ---- topics and groups

    def test_a_topic_that_is_deleted_meanwhile(self):
        self.apply()
        log, _ = self.start_worker()
        self.kafka.produce(self.prefix + "numbers", b"good 1")
        self.assertEqual(self.read(self.prefix + "good", 1), ["good 1"])
        self.kafka.delete_topic(self.prefix + "good")
        self.kafka.produce(self.prefix + "numbers", b"good 2")
        self.await_words(log, f'topic "{self.prefix}good" did not take a message: _UNKNOWN_TOPIC', "apply the topology")
        # It comes back, and what waits goes on.
        self.apply()
        self.assertEqual(self.read(self.prefix + "good", 1), ["good 2"])

    def test_a_member_that_rebalances_otherwise(self):
        self.apply()
        group = self.prefix + "demo.check"
        other = subprocess.Popen(["kcat", "-b", BROKERS, "-G", group, self.prefix + "numbers", "-X", "partition.assignment.strategy=cooperative-sticky"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(other.stderr.close)
        self.addCleanup(other.wait)
        self.addCleanup(other.terminate)
        for line in other.stderr:
            if "rebalanced" in line:
                break
        log, worker = self.start_worker()
        self.await_words(log, "INCONSISTENT_GROUP_PROTOCOL", "its members use another way to rebalance")
        self.assertEqual(worker.wait(PATIENCE_SECONDS), 3, "it could only wait for ever")

    def test_names_are_not_shared_by_chance(self):
        """Two processes without --name, and one process twice."""
        pipeline = self.pipeline(('input: "numbers"', 'input: "numbers" delivery: EXACTLY_ONCE'))
        self.apply(pipeline)
        logs = [self.start_worker(pipeline=pipeline)[0] for _ in range(2)]
        for number in range(20):
            self.kafka.produce(self.prefix + "numbers", f"good {number}".encode())
        self.assertEqual(len(self.read(self.prefix + "good", 20)), 20)
        for log in logs:
            words = self.said(log)
            self.assertIn("--name NAME", words)
            self.assertNotIn("another producer", words)
        twins = [self.start_worker("--name", "twin", pipeline=pipeline)[0] for _ in range(2)]
        for number in range(50):
            self.kafka.produce(self.prefix + "numbers", f"good {number}".encode())
            time.sleep(0.1)
        self.await_words(twins[0], "another producer has the same transactional id")
        time.sleep(12)
        for log in twins:
            self.assertLessEqual(self.said(log).count("another producer"), 2, "told once for each instance")


if __name__ == "__main__":
    unittest.main()
