"""`run` on a real RabbitMQ: what is refused, in words. What a run leaves there: three_buses_test.py. `ops/rabbitmq start` prints the URL that it needs."""

import os
import pathlib
import subprocess
import tempfile
import unittest

MILLRACE = "ops/millrace"
PIPELINE = "stages/property/property.textproto"
URL = os.environ.get("MILLRACE_RABBITMQ_URL", "")


class RabbitRunTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(URL, "start a server: ops/rabbitmq start; then --test_env=MILLRACE_RABBITMQ_URL=… with the URL that it prints")
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Names of its own, so that several runs of this test can share a server.
        self.bus = f"{URL}?prefix=run{os.getpid()}-{os.urandom(4).hex()}."

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
