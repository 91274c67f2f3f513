"""RabbitMQ over TLS, on a server of this test's own that makes its certificates: a run that loses nothing, and what goes wrong in words."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import own_broker

DEMO = "tests/cli/demo"
PIPELINE = "tests/cli/demo.textproto"


class RabbitTlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = own_broker.OwnBroker(cls, "ops/rabbitmq", "--tls")
        cls.port, cls.url = cls.broker.port, cls.broker.url
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def command(self, *arguments, bus, expect):
        result = subprocess.run([DEMO, *arguments, "--bus", bus], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, expect, result.stdout + result.stderr)
        self.assertNotIn("s3cret", result.stdout + result.stderr)
        return result.stdout if expect == 0 else result.stderr

    def refused(self, bus, expect=3):
        return self.command("topology", "plan", PIPELINE, bus=bus, expect=expect)

    def test_a_run_loses_nothing(self):
        self.assertRegex(self.url, r"^amqps://guest:guest@localhost:\d+/\?cacertfile=")
        ledger = json.loads(self.command("run", PIPELINE, "--input", "count=2000", "--out", str(self.folder / "out"), "--format=json", bus=self.url, expect=0))
        self.assertEqual((ledger["accepted"], ledger["lost"]), (2000, 0))

    def test_a_client_may_show_a_certificate(self):
        tls = self.broker.folder / "tls"
        self.command("topology", "plan", PIPELINE, bus=f"{self.url}&certfile={tls}/client.pem&keyfile={tls}/client.key", expect=0)
        # Which is no login where the server has no plugin for it.
        words = self.refused(f"{self.url}&certfile={tls}/client.pem&keyfile={tls}/client.key&auth_mechanism=external")
        self.assertIn("no login by certificate (EXTERNAL); it offers ", words)

    def test_a_certificate_that_nobody_trusts(self):
        words = self.refused(re.sub(r"\?.*", "", self.url).replace(":guest@", ":s3cret@"))
        self.assertIn("the server's certificate is not trusted", words)
        self.assertIn("cacertfile=PATH", words)

    def test_a_certificate_of_another_name(self):
        bus = self.url.replace("localhost", "127.0.0.1").replace(":guest@", ":s3cret@")
        self.assertIn("not for 127.0.0.1 but for localhost", self.refused(bus))
        words = self.refused(bus + "&server_name_indication=localhost", expect=2)
        self.assertIn("ACCESS_REFUSED", words, "now it was asked")

    def test_the_ports_are_not_taken_for_each_other(self):
        self.assertIn("this port is for TLS; connect with amqps://", self.refused(f"amqp://guest:s3cret@localhost:{self.port + 400}/"))
        plain = re.sub(r":\d+/", f":{self.port}/", self.url).replace(":guest@", ":s3cret@")
        self.assertIn("does not speak TLS", self.refused(plain))


if __name__ == "__main__":
    unittest.main()
