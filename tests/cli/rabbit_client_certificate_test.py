"""RabbitMQ that takes only clients with a certificate and logs them in by it, on a server of this test's own: a run that loses nothing, and each way in which
the certificate or its key can be wrong, in words. docs/reference/bad-input.md has them as a table."""

import json
import os
import pathlib
import subprocess
import tempfile
import time
import unittest

import certificates
import own_broker

DEMO = "tests/cli/demo"
PIPELINE = "tests/cli/demo.textproto"
# What is refused is refused at once, not by a time limit. On a machine that is busy with other things too.
PATIENCE_SECONDS = 30
USAGE, ENVIRONMENT = 2, 3


class RabbitClientCertificateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = own_broker.OwnBroker(cls, "ops/rabbitmq", "--client-certificates")
        tls = cls.broker.folder / "tls"
        cls.host = f"localhost:{cls.broker.port + 400}"
        cls.trusted = f"cacertfile={tls}/ca.pem"
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.authority = certificates.Authority(cls.folder, "ca", certificate=tls / "ca.pem", key=tls / "ca.key")
        cls.certificate, cls.key = cls.authority.make("right")

    def command(self, bus, *arguments):
        return subprocess.run([DEMO, *arguments, "--bus", bus], capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)

    def url(self, certificate, key, more="&auth_mechanism=external"):
        return f"amqps://{self.host}/?{self.trusted}&certfile={certificate}&keyfile={key}{more}"

    def refused(self, bus, code, *words):
        begin = time.monotonic()
        result = self.command(bus, "topology", "plan", PIPELINE)
        print(f"{time.monotonic() - begin:.1f} s: {result.stderr.strip()}", flush=True)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for each in words:
            self.assertIn(str(each), result.stderr)
        self.assertNotIn("s3cret", result.stdout + result.stderr)

    # ---- what works

    def test_a_run_that_is_logged_in_by_its_certificate_loses_nothing(self):
        self.assertIn("&auth_mechanism=external", self.broker.url, "what the script prints is used as it is")
        result = self.command(self.broker.url, "run", PIPELINE, "--input", "count=2000", "--out", str(self.folder / "out"), "--format=json")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        ledger = json.loads(result.stdout)
        self.assertEqual((ledger["accepted"], ledger["lost"]), (2000, 0))

    def test_name_and_password_behind_a_certificate(self):
        """Of whoever the server's authority has signed: the login is another matter."""
        stranger, key = self.authority.make("somebody", common_name="somebody")
        self.assertEqual(self.command(self.url(stranger, key, more="&user=guest&password=guest"), "topology", "plan", PIPELINE).returncode, 0)

    def test_an_encrypted_key_with_its_password(self):
        (self.folder / "password").write_text("s3cret\n", encoding="utf-8")
        url = self.url(self.certificate, self.authority.encrypted(self.key, "s3cret"))
        result = self.command(f"{url}&keyfile_password=file:{self.folder}/password", "topology", "plan", PIPELINE)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for wrong in ("", "&keyfile_password=not-s3cret"):
            self.refused(url + wrong, USAGE, f"keyfile={self.key.with_suffix('.encrypted')} cannot be used: ", "keyfile_password=env:NAME")

    # ---- what the server refuses

    def test_no_certificate(self):
        self.refused(f"amqps://guest:s3cret@{self.host}/?{self.trusted}", ENVIRONMENT, self.host, "the server wants a client's certificate",
                     "certfile=PATH and keyfile=PATH")

    def test_a_certificate_of_another_authority(self):
        other = certificates.Authority(self.folder, "Another one")
        certificate, key = other.make("other")
        self.refused(self.url(certificate, key), ENVIRONMENT, self.host, f"the server refuses our certificate, certfile={certificate}",
                     'signed by "Another one"', "no authority that it trusts has signed it", "give another with certfile=PATH")

    def test_a_certificate_whose_time_is_over(self):
        certificate, key = self.authority.make("expired", days=-1)
        self.refused(self.url(certificate, key), ENVIRONMENT, self.host, f"the server refuses our certificate, certfile={certificate}", "good until ",
                     "its time is over")

    def test_a_certificate_of_nobody_whom_the_server_knows(self):
        certificate, key = self.authority.make("stranger", common_name="stranger")
        self.refused(self.url(certificate, key), USAGE, "ACCESS_REFUSED", "EXTERNAL", f"certfile={certificate}", "rabbitmqctl add_user")

    # ---- what is wrong with the files

    def test_a_file_that_is_not_there(self):
        none = self.folder / "none.pem"
        self.refused(self.url(self.certificate, none), USAGE, f"keyfile={none} cannot be used: No such file or directory", "in PEM")
        self.refused(self.url(none, self.key), USAGE, f"certfile={none} cannot be used: No such file or directory", "in PEM")

    def test_a_key_of_another_certificate(self):
        _, other = self.authority.make("another")
        self.refused(self.url(self.certificate, other), USAGE, f"keyfile={other} cannot be used: ", f"it is not the key of certfile={self.certificate}")

    def test_files_that_are_exchanged(self):
        self.refused(self.url(self.key, self.certificate), USAGE, f"certfile={self.key} cannot be used: ", "in PEM")

    def test_a_login_by_certificate_without_one(self):
        self.refused(f"amqps://{self.host}/?{self.trusted}&auth_mechanism=external", USAGE, "it wants amqps:// and certfile")
        self.refused(f"amqps://{self.host}/?{self.trusted}&keyfile={self.key}", USAGE, "keyfile without certfile")


if __name__ == "__main__":
    unittest.main()
