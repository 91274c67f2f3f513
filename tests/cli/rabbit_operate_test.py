"""Operators on a real RabbitMQ. `ops/rabbitmq start --management` prints the URL that it needs; its plugins are 300 and 301 ports above."""

import base64
import json
import os
import re
import time
import unittest
import urllib.parse
import urllib.request

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

    def management(self, method, path, body=None):
        """The management plugin's answer, None where it has none."""
        port = int(re.search(r":(\d+)/", self.URL).group(1)) + 300
        request = urllib.request.Request(f"http://127.0.0.1:{port}/api/{path}", method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request) as answer:
            return json.loads(answer.read() or b"null")

    def managed(self):
        port = int(re.search(r":(\d+)/", self.URL).group(1)) + 300
        return self.bus + f"&management=http://127.0.0.1:{port}"

    def test_a_queue_of_another_type_is_explained(self):
        queue = f"{self.prefix}numbers:{self.prefix}demo.check:0"
        for partition in range(4):
            self.management("PUT", "queues/%2F/" + urllib.parse.quote(f"{queue[:-1]}{partition}", safe=""), {"durable": True, "arguments": {"x-single-active-consumer": True, "x-queue-type": "classic"}})
        # A server names the first difference that it finds.
        bus = self.bus + "&trap=off"
        words = self.command("topology", "plan", bus=bus, expect=1)
        self.assertIn(f'! queue "{queue}"', words)
        self.assertIn("x-queue-type classic (wanted quorum)", words)
        self.assertIn("let it run empty", words)
        words = self.command("run", "--out", str(self.folder / "refused"), bus=bus, expect=2)
        self.assertIn("x-queue-type is classic, wanted quorum", words)

    def test_policies_bindings_and_the_trap(self):
        bus = self.managed()
        self.command("topology", "apply", bus=bus)
        self.assertNotIn("not looked at", self.command("topology", "check", bus=bus))
        queue = f"{self.prefix}numbers:{self.prefix}demo.check:0"
        name = "millrace-test-" + self.prefix

        def remove():
            self.management("DELETE", "policies/%2F/" + name)

        self.management("PUT", "policies/%2F/" + name,
                        {"pattern": "^" + re.escape(queue) + "$", "definition": {"message-ttl": 1}, "apply-to": "queues", "priority": 1})
        self.addCleanup(remove)
        exchange = urllib.parse.quote(self.prefix + "numbers", safe="")
        published = self.management("POST", f"exchanges/%2F/{exchange}/publish",
                                    {"properties": {}, "routing_key": "0", "payload": "7", "payload_encoding": "string"})
        self.assertTrue(published["routed"])

        def check(expect=1):
            return {item["what"]: item for item in self.command("topology", "check", "--format=json", bus=bus, expect=expect)["items"]}

        trap = f'queue "mr.trap.{self.prefix}"'
        items = {}
        # The plugin tells of a policy when the queue has told its figures again: every five seconds, on a busy machine later.
        end = time.monotonic() + 90
        while time.monotonic() < end:
            items = check(expect=(0, 1))
            if items[trap]["state"] == "differs" and items[f'queue "{queue}"']["state"] == "differs":
                break
        self.assertEqual(items[trap]["fields"], [{"name": f"expired in {queue}", "have": "1", "want": "0"}])
        self.assertIn({"name": "message-ttl", "have": "1", "want": "no such policy"}, items[f'queue "{queue}"']["fields"])
        self.assertIn(f'policy "{name}" takes out what waits longer', items[f'queue "{queue}"']["advice"])
        self.assertEqual(items[trap], check()[trap], "looking takes nothing out")

        self.management("DELETE", f"bindings/%2F/e/{self.prefix}dead/q/{urllib.parse.quote(self.prefix + 'dead::keep', safe='')}/0")
        missing = [what for what, item in check().items() if item["state"] == "missing"]
        self.assertEqual(missing, [f'binding of queue "{self.prefix}dead::keep" to exchange "{self.prefix}dead"'])
        self.assertIn("1 made on", self.command("topology", "apply", bus=bus))
        self.assertFalse([item for item in check().values() if item["state"] == "missing"])

    def test_idle_instances_are_named(self):
        fewer = self.changed('name: "numbers" partitions: 4', 'name: "numbers" partitions: 1')
        self.command("topology", "apply", pipeline=fewer)
        for name in ("first", "second"):
            self.start_worker(pipeline=fewer, bus=f"{self.bus}&instance={name}", name=name)
        stage = {}
        end = time.monotonic() + 90
        while time.monotonic() < end:
            words = self.command("lag", "--stage", "check", "--seconds", "0", "--format=json", pipeline=fewer, bus=self.managed())
            stage = words["stages"][0]
            if len(stage["idle"]) == 3 and stage["partitions"][0]["owner"]:
                break
        self.assertEqual(stage["instances"], 4, stage)
        self.assertEqual(len(stage["idle"]), 3, stage)
        for idle in stage["idle"]:
            self.assertRegex(idle, "@(first|second)$")
            self.assertNotIn(idle, stage["partitions"][0]["owner"])

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
