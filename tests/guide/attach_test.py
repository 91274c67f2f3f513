"""docs/guides/attach.md does what it says, on real brokers: its files are used and its commands are run, under names of this run."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

GUIDE = pathlib.Path("docs/guides/attach.md")
ORDERS = os.path.abspath("tests/guide/orders")
KAFKA, RABBIT = os.environ.get("MILLRACE_KAFKA_URL", ""), os.environ.get("MILLRACE_RABBITMQ_URL", "")
_BLOCK = re.compile(r"<!-- ([^>]*) -->\n\n```\w*\n(.*?)```\n", re.DOTALL)
# The topics of others, which somebody has made.
SHOP = """name: "shop"
receipts: "RUN.receipts"
topic { name: "RUN.receipts" }
topic { name: "RUN.orders" partitions: 3 }
topic { name: "RUN.priced" partitions: 2 }
topic { name: "RUN.dead" dead_letter: true }
stage { name: "a" kind: "discard" input: "RUN.orders" dead_letter: "RUN.dead" }
stage { name: "b" kind: "discard" input: "RUN.priced" dead_letter: "RUN.dead" }
"""


class AttachTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Names of its own, so that several runs of this test can share a broker.
        self.run_name = f"attach{os.getpid()}-{os.urandom(4).hex()}"
        program = self.folder / "bazel-bin/orders/orders"
        program.parent.mkdir(parents=True)
        program.symlink_to(ORDERS)

    def run_guide(self, broker, changes):
        """Runs the guide's commands for one broker, and looks for the output that it shows."""
        ran, expected = None, 0
        for what, text in _BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
            for old, new in changes:
                text = text.replace(old, new)
            if what.startswith("file: "):
                (self.folder / what.removeprefix("file: ")).write_text(text, encoding="utf-8")
            elif what.startswith("run: "):
                ran = None
                if what == f"run: {broker}":
                    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, check=False,
                                         cwd=self.folder, timeout=300)
                    self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
            elif what == "output" and ran is not None:
                for line in text.strip("\n").split("\n"):
                    expected += 1
                    self.assertRegex(ran.stdout, "(?m)^" + ".*".join(re.escape(part) for part in line.split("…")))
        self.assertGreater(expected, 1)
        return ran

    def test_kafka(self):
        self.assertTrue(KAFKA, "start a broker: ops/kafka start; then --test_env=MILLRACE_KAFKA_URL=… with the URL that it prints")
        shop = self.folder / "shop.textproto"
        shop.write_text(SHOP.replace("RUN", self.run_name), encoding="utf-8")
        subprocess.run([ORDERS, "topology", "apply", str(shop), "--bus", KAFKA], check=True, capture_output=True)
        self.run_guide("kafka", [("kafka://127.0.0.1:9092", f"{KAFKA}?prefix={self.run_name}-"), ("127.0.0.1:9092", KAFKA.removeprefix("kafka://")),
                                 ("Shop.Orders", f"{self.run_name}.orders"), ("Shop.Priced", f"{self.run_name}.priced")])

    def test_kafka_says_what_is_missing(self):
        self.assertTrue(KAFKA, "see above")
        text = dict(_BLOCK.findall(GUIDE.read_text(encoding="utf-8")))["file: attached_kafka.textproto"]
        pipeline = self.folder / "missing.textproto"
        pipeline.write_text(text.replace("Shop.Orders", f"{self.run_name}.Nowhere"), encoding="utf-8")
        result = subprocess.run([ORDERS, "work", str(pipeline), "--bus", f"{KAFKA}?prefix={self.run_name}", "--out", str(self.folder)],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 2, result.stdout + result.stderr)
        self.assertIn(f'{self.run_name}.Nowhere"', result.stderr)
        self.assertIn("correct the name in the pipeline", result.stderr)

    def test_rabbitmq(self):
        self.assertTrue(RABBIT, "start a server: ops/rabbitmq start; then --test_env=MILLRACE_RABBITMQ_URL=… with the URL that it prints")
        plain, _, parameters = RABBIT.partition("?")
        # To amqp-publish a "/" at the end is the virtual host of no name.
        plain = plain.removesuffix("/")
        self.addCleanup(subprocess.run, ["amqp-delete-queue", "-u", plain, "-q", f"{self.run_name}.orders"], check=False, capture_output=True)
        self.run_guide("rabbitmq", [("--bus amqp://guest:guest@127.0.0.1:5872", f"--bus '{plain}/?prefix={self.run_name}-{'&' if parameters else ''}{parameters}'"),
                                    ("amqp://guest:guest@127.0.0.1:5872", plain), ("shop.orders", f"{self.run_name}.orders"),
                                    ('routing_key: "priced"', f'routing_key: "{self.run_name}.priced"'), ("-r priced", f"-r {self.run_name}.priced")])


if __name__ == "__main__":
    unittest.main()
