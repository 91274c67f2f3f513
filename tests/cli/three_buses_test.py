"""The property pipeline leaves the same on mem:, on a real Kafka and on a real RabbitMQ: reports, and the store row by row.

`ops/kafka start` and `ops/rabbitmq start` print the URLs that it needs.
"""

import itertools
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import stored

MILLRACE = "ops/millrace"
PIPELINE = "stages/property/property.textproto"
KAFKA = os.environ.get("MILLRACE_KAFKA_URL", "")
RABBITMQ = os.environ.get("MILLRACE_RABBITMQ_URL", "")
# Beside the real data, which the pipeline names by itself: all of King County's sales, all of Vancouver's permits.
GENERATED = 5000
REAL = 21_613 + 20_680
# Of a report: what has to be the same everywhere, and what has to be nothing.
SAME = ("accepted", "settled", "dead_lettered")
NOTHING = ("lost", "conflicts", "phantoms", "destroyed", "on_bus", "to_feed_again")


def with_parameter(url, parameter):
    return f"{url}{'&' if '?' in url else '?'}{parameter}"


def balance(report):
    """What the jobs alone decide: how many ended how, and why those that are dead letters. The examples are whatever came first."""
    reasons = sorted((group["stage"], group["field"], group["reason"], group["count"]) for group in report["dead_letter_reasons"])
    return {**{key: report[key] for key in SAME}, "dead_letter_reasons": reasons}


class ThreeBusesTest(unittest.TestCase):
    def setUp(self):
        self.assertTrue(KAFKA, "start a broker: ops/kafka start; then --test_env=MILLRACE_KAFKA_URL=… with the URL that it prints")
        self.assertTrue(RABBITMQ, "start a server: ops/rabbitmq start; then --test_env=MILLRACE_RABBITMQ_URL=… with the URL that it prints")
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_on(self, name, bus):
        """The report of a run, and the rows that it leaves."""
        out = self.folder / name
        result = subprocess.run([MILLRACE, "run", PIPELINE, "--bus", bus, "--input", f"generate={GENERATED}", "--out", str(out), "--format=json"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, f"{name}: {result.stdout}{result.stderr}")
        for secret in ("s3cret", "guest:guest"):
            self.assertNotIn(secret, result.stdout + result.stderr, f"{name}: passwords are not for reports")
        return json.loads(result.stdout), stored.rows(out / "listings.sqlite")

    def test_the_same_is_left_everywhere(self):
        # Names of its own, so that several runs of this test can share the brokers.
        prefix = f"prefix=run{os.getpid()}-{os.urandom(4).hex()}."
        ran = {
            "mem": self.run_on("mem", "mem:"),
            "kafka": self.run_on("kafka", with_parameter(with_parameter(KAFKA, prefix), "sasl.password=s3cret")),
            "rabbitmq": self.run_on("rabbitmq", with_parameter(RABBITMQ, prefix)),
        }
        for name, (report, rows) in ran.items():
            with self.subTest(bus=name):
                self.assertEqual({key: report[key] for key in NOTHING}, dict.fromkeys(NOTHING, 0))
                # What is compared is there: three empty stores are the same, too.
                self.assertEqual(report["accepted"], REAL + GENERATED)
                self.assertGreater(report["dead_lettered"], 0)
                self.assertGreater(min(sum(table.values()) for table in rows.values()), 0)
                self.assertGreater(sum(rows["listings"].values()), REAL)
        for one, other in itertools.combinations(ran, 2):
            with self.subTest(one=one, other=other):
                (report, rows), (other_report, other_rows) = ran[one], ran[other]
                self.assertEqual(balance(other_report), balance(report))
                self.assertEqual(stored.differences(rows, other_rows), [], f"{one} beside {other}")


if __name__ == "__main__":
    unittest.main()
