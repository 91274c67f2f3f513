"""Operators on a real Kafka. `ops/kafka start` prints the URL that it needs."""

import os
import unittest

import operating


class KafkaOperateTest(operating.Operating, unittest.TestCase):
    URL = os.environ.get("MILLRACE_KAFKA_URL", "")
    START = "start a broker: ops/kafka start; then --test_env=MILLRACE_KAFKA_URL=… with the URL that it prints"
    # A property that changes nothing where no SASL is spoken.
    SECRET = ("--bus-option", "sasl.password=hunter2")

    def test_dead_letters(self):
        destroyed = super().test_dead_letters()
        self.assertEqual(destroyed, operating.BAD + 5, "everything is handled and collected")

    def test_lag_and_offsets(self):
        self.run_pipeline()
        for stage in self.lag("--seconds", "0").values():
            self.assertEqual({p["verdict"] for p in stage["partitions"]}, {"OK"})
            self.assertEqual(sum(p["lag"] for p in stage["partitions"]), 0)
            self.assertEqual(stage["instances"], 0)
        reset = ("offsets", "reset", "--stage", "check")
        self.assertIn("a dry run", self.command(*reset, "--to-earliest"))
        self.assertEqual(self.lag("--seconds", "0")["check"]["partitions"][0]["lag"], 0)
        self.assertIn("say one of", self.command(*reset, expect=2))
        self.assertIn("no time", self.command(*reset, "--to-time", "yesterday", expect=2))
        moved = self.command(*reset, "--to-offset", "10", "--partition", "1", "--execute", "--format=json")
        self.assertTrue(moved["executed"])
        self.assertEqual([(p["partition"], p["to"]) for p in moved["partitions"]], [(1, 10)])
        stage = self.lag("--seconds", "1", "--stage", "check", expect=1)["check"]
        self.assertEqual([p["verdict"] for p in stage["partitions"]], ["OK", "STOP", "OK", "OK"])
        self.command(*reset, "--to-earliest", "--execute")
        stage = self.lag("--seconds", "0", "--stage", "check", expect=1)["check"]
        self.assertEqual(sum(p["lag"] for p in stage["partitions"]), operating.COUNT)
        # The future: to the end.
        self.command(*reset, "--to-time", "2100-01-01T00:00:00Z", "--execute")
        self.assertEqual(sum(p["lag"] for p in self.lag("--seconds", "0")["check"]["partitions"]), 0)
        self.start_worker()
        stage = self.await_that(lambda: self.lag("--seconds", "0", "--stage", "check")["check"],
                                lambda seen: seen["instances"] == 2 and all(p["owner"] for p in seen["partitions"]))
        self.assertEqual(stage["idle"], [])
        self.assertIn("has 2 members", self.command(*reset, "--to-earliest", "--execute", expect=2))

    def test_what_differs_is_said_and_goes_on(self):
        path = self.changed('name: "numbers" partitions: 4', 'name: "numbers" partitions: 4 retention_ms: 86400000')
        self.command("topology", "apply")
        words = self.command("topology", "check", pipeline=path, expect=1)
        self.assertIn("retention.ms", words)
        self.command("topology", "plan", pipeline=path)


if __name__ == "__main__":
    unittest.main()
