"""`run` on a real Kafka: what is refused, in words. What a run leaves there: three_buses_test.py. `ops/kafka start` prints the URL that it needs."""

import os
import pathlib
import subprocess
import tempfile
import unittest

MILLRACE = "ops/millrace"
PIPELINE = "stages/property/property.textproto"
URL = os.environ.get("MILLRACE_KAFKA_URL", "")


class KafkaRunTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(URL, "start a broker: ops/kafka start; then --test_env=MILLRACE_KAFKA_URL=… with the URL that it prints")
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Names of its own, so that several runs of this test can share a broker.
        self.prefix = f"run{os.getpid()}-{os.urandom(4).hex()}."
        self.bus = f"{URL}?prefix={self.prefix}"

    def run_on(self, bus, name):
        return subprocess.run([MILLRACE, "run", PIPELINE, "--bus", bus, "--out", str(self.folder / name), "--format=json"],
                              capture_output=True, text=True, check=False)

    def test_another_number_of_partitions_is_refused(self):
        made = subprocess.run([MILLRACE, "topology", "apply", PIPELINE, "--bus", self.bus], capture_output=True, text=True, check=False)
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        line = 'topic { name: "raw" partitions: 8 }'
        self.assertIn(line, text)
        changed = self.folder / "changed.textproto"
        changed.write_text(text.replace(line, line.replace("8", "5")), encoding="utf-8")
        result = subprocess.run([MILLRACE, "run", str(changed), "--bus", self.bus, "--out", str(self.folder / "second")],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn(f'topic "{self.prefix}raw": partitions is 8, wanted 5', result.stderr)
        self.assertIn("say partitions: 8 in the pipeline", result.stderr)

    def test_no_broker_is_said(self):
        result = self.run_on("kafka://127.0.0.1:1", "nobody")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("no Kafka answers at 127.0.0.1:1", result.stderr)

    def test_properties_that_promises_rest_on_are_refused(self):
        result = self.run_on(self.bus + "&acks=1", "acks")
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn('"acks" is not to be set', result.stderr)


if __name__ == "__main__":
    unittest.main()
