"""Kafka that takes only clients with a certificate, on a broker of this test's own: a run that loses nothing, exactly once too, and each way in which the
certificate or its key can be wrong, in words. docs/reference/bad-input.md has them as a table."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

import certificates
import own_broker

DEMO = "tests/cli/demo"
PIPELINE = "tests/cli/demo.textproto"
# librdkafka tries for ten seconds. On a machine that is busy with other things too.
PATIENCE_SECONDS = 60
USAGE, ENVIRONMENT = 2, 3


class KafkaClientCertificateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = own_broker.OwnBroker(cls, "ops/kafka", "--tls")
        tls = cls.broker.folder / "tls"
        cls.host = f"localhost:{cls.broker.port + 400}"
        cls.secure = f"kafka://{cls.host}?security.protocol=ssl"
        cls.trusted = f"{cls.secure}&ssl.ca.location={tls}/ca.pem"
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.authority = certificates.Authority(cls.folder, "ca", certificate=tls / "ca.pem", key=tls / "ca.key")
        cls.certificate, cls.key = cls.authority.make("right")

    def command(self, bus, *arguments):
        return subprocess.run([DEMO, *arguments, "--bus", bus], capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)

    def url(self, certificate, key):
        return f"{self.trusted}&ssl.certificate.location={certificate}&ssl.key.location={key}"

    def refused(self, bus, code, *words):
        begin = time.monotonic()
        result = self.command(bus, "topology", "plan", PIPELINE)
        print(f"{time.monotonic() - begin:.1f} s: {result.stderr.strip()}", flush=True)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        for each in words:
            self.assertIn(str(each), result.stderr)
        self.assertNotIn("s3cret", result.stdout + result.stderr)

    # ---- what works

    def test_a_run_loses_nothing(self):
        self.assertRegex(self.broker.url, r"^kafka://localhost:\d+\?security.protocol=ssl&ssl.ca.location=")
        text = pathlib.Path(PIPELINE).read_text(encoding="utf-8")
        once = self.folder / "once.textproto"
        once.write_text(re.sub(r'(input: "numbers")', r"\1 delivery: EXACTLY_ONCE", text), encoding="utf-8")
        for name, pipeline in (("plain", PIPELINE), ("once", str(once))):
            result = self.command(f"{self.broker.url}&prefix={name}.", "run", pipeline, "--input", "count=2000", "--out", str(self.folder / name),
                                  "--format=json")
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            ledger = json.loads(result.stdout)
            self.assertEqual((ledger["accepted"], ledger["lost"]), (2000, 0), name)

    def test_an_encrypted_key_with_its_password(self):
        (self.folder / "password").write_text("s3cret\n", encoding="utf-8")
        url = self.url(self.certificate, self.authority.encrypted(self.key, "s3cret"))
        result = self.command(f"{url}&ssl.key.password=file:{self.folder}/password", "topology", "plan", PIPELINE)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for wrong in ("", "&ssl.key.password=not-s3cret"):
            self.refused(url + wrong, USAGE, "ssl.key.location failed", "ssl.key.password=env:NAME")

    # ---- what the broker refuses

    def test_no_certificate(self):
        self.refused(f"{self.trusted}&sasl.password=s3cret", ENVIRONMENT, f"no Kafka answers at {self.host}", "the broker wants a client's certificate",
                     "ssl.certificate.location=PATH and ssl.key.location=PATH")
        # librdkafka shows a certificate that has no key to nobody, and says nothing.
        self.refused(f"{self.trusted}&ssl.certificate.location={self.certificate}", ENVIRONMENT, "the broker wants a client's certificate")

    def test_a_certificate_of_another_authority(self):
        certificate, key = certificates.Authority(self.folder, "Another one").make("other")
        self.refused(self.url(certificate, key), ENVIRONMENT, f"no Kafka answers at {self.host}",
                     f"the broker refuses our certificate, ssl.certificate.location={certificate}: look who has signed it")

    def test_a_certificate_whose_time_is_over(self):
        certificate, key = self.authority.make("expired", days=-1)
        self.refused(self.url(certificate, key), ENVIRONMENT, f"no Kafka answers at {self.host}",
                     f"the broker refuses our certificate, ssl.certificate.location={certificate}: look who has signed it, and until when it is good")

    # ---- what is refused here

    def test_a_broker_that_nobody_here_trusts(self):
        other = certificates.Authority(self.folder, "Yet another")
        self.refused(f"{self.secure}&ssl.ca.location={other.certificate}", ENVIRONMENT, f"no Kafka answers at {self.host}", "ssl.ca.location=PATH")

    def test_a_file_that_is_not_there(self):
        none = self.folder / "none.pem"
        self.refused(self.url(self.certificate, none), USAGE, f"ssl.key.location={none} cannot be used: No such file or directory")
        self.refused(self.url(none, self.key), USAGE, f"ssl.certificate.location={none} cannot be used: No such file or directory")
        self.refused(f"{self.secure}&ssl.ca.location={none}", USAGE, f"ssl.ca.location={none} cannot be used: No such file or directory")

    def test_a_key_of_another_certificate(self):
        _, other = self.authority.make("another")
        self.refused(self.url(self.certificate, other), USAGE, "ssl.key.location failed", f"it is not the key of ssl.certificate.location={self.certificate}")

    def test_files_that_are_exchanged(self):
        self.refused(self.url(self.key, self.certificate), USAGE, "ssl.certificate.location failed", "in PEM")


if __name__ == "__main__":
    unittest.main()
