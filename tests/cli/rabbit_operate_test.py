"""Operators on a real RabbitMQ. `ops/rabbitmq start --management` prints the URL that it needs; its plugins are 300 and 301 ports above."""

import os
import re
import unittest

import operating


class RabbitOperateTest(operating.Operating, unittest.TestCase):
    URL = os.environ.get("MILLRACE_RABBITMQ_URL", "")
    START = "start a server: ops/rabbitmq start --management; then --test_env=MILLRACE_RABBITMQ_URL=… with the URL that it prints"
    SECRET = ("--bus-option", "password=hunter2")

    def test_dead_letters(self):
        super().test_dead_letters()
        self.assertIn("held unsettled", self.command("dlq", "list"), "it is said what others do not see meanwhile")

    def test_offsets_are_refused(self):
        words = self.command("offsets", "reset", "--stage", "check", "--to-earliest", "--execute", expect=2)
        self.assertIn("RabbitMQ keeps no log", words)

    def test_lag_without_a_plugin_says_so(self):
        self.command("topology", "apply")
        nobody = self.bus + "&management=http://127.0.0.1:1&prometheus=http://127.0.0.1:1"
        words = self.command("lag", "--seconds", "0", bus=nobody, expect=3)
        self.assertIn("rabbitmq-plugins enable rabbitmq_management", words)
        self.assertNotIn("guest:guest", words)

    def test_lag_from_each_plugin(self):
        self.run_pipeline()
        port = int(re.search(r":(\d+)/", self.URL).group(1))
        management = f"&management=http://127.0.0.1:{port + 300}&prometheus=http://127.0.0.1:1"
        prometheus = f"&management=http://127.0.0.1:1&prometheus=http://127.0.0.1:{port + 301}"
        self.start_worker()
        bus = self.bus
        for more, source in ((management, "management"), (prometheus, "Prometheus")):
            self.bus = bus + more
            stage = self.lag("--stage", "check")["check"]
            self.assertIn(source, stage["source"])
            for partition in stage["partitions"]:
                self.assertEqual((partition["lag"], partition["verdict"]), (0, "OK"))
                self.assertTrue(partition["owner"])


if __name__ == "__main__":
    unittest.main()
