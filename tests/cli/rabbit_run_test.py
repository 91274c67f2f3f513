"""The property pipeline on a real RabbitMQ leaves the store as it is on mem:, row by row. `ops/rabbitmq start` prints the URL that it needs."""

import json
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import unittest

MILLRACE = "ops/millrace"
PIPELINE = "stages/property/property.textproto"
URL = os.environ.get("MILLRACE_RABBITMQ_URL", "")
# Receipts say when and by whom; the rest is a function of the records.
TABLES = ("listings", "history")


def rows(folder):
    with sqlite3.connect(f"file:{folder}/listings.sqlite?mode=ro", uri=True) as database:
        return {table: sorted(map(repr, database.execute(f"SELECT * FROM {table}"))) for table in TABLES}


class RabbitRunTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(URL, "start a server: ops/rabbitmq start; then --test_env=MILLRACE_RABBITMQ_URL=… with the URL that it prints")
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Names of its own, so that several runs of this test can share a server.
        self.bus = f"{URL}?prefix=run{os.getpid()}-{os.urandom(4).hex()}."

    def run_on(self, bus, name, *arguments):
        result = subprocess.run([MILLRACE, "run", PIPELINE, "--bus", bus, "--out", str(self.folder / name), "--format=json", *arguments],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout), result.stderr

    def test_the_store_is_the_same_as_on_mem(self):
        memory, _ = self.run_on("mem:", "mem")
        rabbit, words = self.run_on(self.bus, "rabbit")
        for name in ("accepted", "settled", "dead_lettered", "lost", "conflicts", "phantoms"):
            self.assertEqual(rabbit[name], memory[name], name)
        self.assertEqual(rabbit["lost"], 0)
        self.assertGreater(rabbit["accepted"], 10_000)
        self.assertEqual(rows(self.folder / "rabbit"), rows(self.folder / "mem"))
        self.assertNotIn("guest:guest", words + json.dumps(rabbit), "passwords are not for reports")

    def test_a_refused_login_is_said_without_the_password(self):
        result = subprocess.run([MILLRACE, "run", PIPELINE, "--bus", self.bus.replace(":guest@", ":s3cret@"), "--out", str(self.folder / "refused")],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertIn("ACCESS_REFUSED", result.stderr)
        self.assertNotIn("s3cret", result.stdout + result.stderr)

    def test_no_server_is_said(self):
        result = subprocess.run([MILLRACE, "run", PIPELINE, "--bus", "amqp://127.0.0.1:1/", "--out", str(self.folder / "nobody")],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("127.0.0.1:1: Connection refused", result.stderr)


if __name__ == "__main__":
    unittest.main()
