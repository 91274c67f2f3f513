"""Operators on a real RabbitMQ. `ops/rabbitmq start --management` prints the URL that it needs; its plugins are 300 and 301 ports above."""

import base64
import json
import os
import re
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
            return self.items(bus, expect=expect)

        trap = f'queue "mr.trap.{self.prefix}"'
        items = self.await_that(lambda: check(expect=None), lambda seen: seen[trap]["state"] == "differs" and seen[f'queue "{queue}"']["state"] == "differs")
        self.assertEqual(items[trap]["fields"], [{"name": f"expired in {queue}", "have": "1", "want": "0"}])
        self.assertIn({"name": "message-ttl", "have": "1", "want": "no such policy"}, items[f'queue "{queue}"']["fields"])
        self.assertIn(f'policy "{name}" takes out what waits longer', items[f'queue "{queue}"']["advice"])
        self.assertEqual(items[trap], check()[trap], "looking takes nothing out")

        self.management("DELETE", f"bindings/%2F/e/{self.prefix}dead/q/{urllib.parse.quote(self.prefix + 'dead::keep', safe='')}/0")
        missing = [what for what, item in check().items() if item["state"] == "missing"]
        self.assertEqual(missing, [f'binding of queue "{self.prefix}dead::keep" to exchange "{self.prefix}dead"'])
        self.assertIn("1 made on", self.command("topology", "apply", bus=bus))
        self.assertFalse([item for item in check().values() if item["state"] == "missing"])

    def policy(self, name, queue, definition):
        """Over one queue, until the test is over."""
        name = f"millrace-test-{self.prefix}{name}"
        self.management("PUT", "policies/%2F/" + name, {"pattern": "^" + re.escape(queue) + "$", "definition": definition, "apply-to": "queues", "priority": 1})
        self.addCleanup(self.management, "DELETE", "policies/%2F/" + name)

    def publish(self, count):
        exchange = urllib.parse.quote(self.prefix + "numbers", safe="")
        for number in range(count):
            published = self.management("POST", f"exchanges/%2F/{exchange}/publish",
                                        {"properties": {}, "routing_key": "0", "payload": str(number), "payload_encoding": "string"})
            self.assertTrue(published["routed"])

    def items(self, bus, verb="check", expect=1):
        return {item["what"]: item for item in self.command("topology", verb, "--format=json", bus=bus, expect=expect)["items"]}

    def kept(self, queue):
        """All that a queue has, what it could not give away included."""
        return self.management("GET", "queues/%2F/" + urllib.parse.quote(queue, safe="")).get("messages")

    def test_a_full_trap_destroys_nothing(self):
        bus = self.managed()
        self.command("topology", "apply", bus=bus)
        queue, trap = f"{self.prefix}numbers:{self.prefix}demo.check:0", f"mr.trap.{self.prefix}"
        self.policy("cap", trap, {"max-length": 1})
        self.policy("ttl", queue, {"message-ttl": 1})
        self.await_that(lambda: self.items(bus, expect=None), lambda seen: all(seen[f'queue "{name}"']["state"] == "differs" for name in (queue, trap)))
        self.publish(20)
        # The server counts a limit not to the message. What is in neither is destroyed.
        held = self.await_that(lambda: (self.kept(queue), self.kept(trap)), lambda seen: None not in seen and sum(seen) == 20)
        self.assertGreater(min(held), 0, "the trap was never full")
        item = self.items(bus)[f'queue "{trap}"']
        self.assertIn("refuses publishes beyond so many messages", item["advice"])
        self.assertEqual(item["state"], "differs")

    def test_a_policy_that_destroys_is_refused(self):
        bus = self.managed() + "&trap=off"
        self.command("topology", "apply", bus=bus)
        queue = f"{self.prefix}numbers:{self.prefix}demo.check:0"
        self.policy("cap", queue, {"max-length": 1000})
        item = self.await_that(lambda: self.items(bus, expect=None)[f'queue "{queue}"'], lambda seen: seen["state"] == "refused")
        self.assertIn("destroys the oldest beyond so many messages", item["advice"])
        words = self.command("run", "--out", str(self.folder / "refused"), bus=bus, expect=2)
        self.assertIn("max-length is 1000, wanted no such policy", words)

    def test_a_trap_that_was_declared_before(self):
        bus, trap = self.managed(), f"mr.trap.{self.prefix}"
        self.management("PUT", "queues/%2F/" + trap, {"durable": True, "arguments": {"x-queue-type": "quorum"}})
        item = self.items(bus, "plan")[f'queue "{trap}"']
        self.assertEqual(item["fields"], [{"name": "x-overflow", "have": "none", "want": "reject-publish"}])
        self.assertIn("move back what lies in it, delete it there", item["advice"])
        self.assertIn("x-overflow is none, wanted reject-publish", self.command("run", "--out", str(self.folder / "refused"), bus=bus, expect=2))
        self.management("DELETE", "queues/%2F/" + trap)
        self.command("topology", "apply", bus=bus)

    def test_a_user_who_may_not_ask_the_plugin(self):
        bus = self.managed()
        self.command("topology", "apply", bus=bus)
        port = int(re.search(r":(\d+)/", self.URL).group(1)) + 300
        nobody = f"{self.bus}&management=http%3A%2F%2Fmon%3As3cret%40127.0.0.1%3A{port}"
        words = self.command("topology", "plan", bus=nobody)
        self.assertIn(f"(http://127.0.0.1:{port}/api/queues/%2F: HTTP status 401)", words)
        self.assertIn("rabbitmqctl set_user_tags", words)
        self.assertNotIn("s3cret", words)
        own = f"{self.bus}&management=http%3A%2F%2Fguest%3Aguest%40127.0.0.1%3A{port}"
        self.assertNotIn("not looked at", self.command("topology", "plan", bus=own))

    def test_idle_instances_are_named(self):
        fewer = self.changed('name: "numbers" partitions: 4', 'name: "numbers" partitions: 1')
        self.command("topology", "apply", pipeline=fewer)
        for name in ("first", "second"):
            self.start_worker(pipeline=fewer, bus=f"{self.bus}&instance={name}", name=name)

        def look():
            return self.command("lag", "--stage", "check", "--seconds", "0", "--format=json", pipeline=fewer, bus=self.managed())["stages"][0]

        stage = self.await_that(look, lambda seen: len(seen["idle"]) == 3 and seen["partitions"][0]["owner"])
        self.assertEqual(stage["instances"], 4, stage)
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


            def look():
                # What it finds is its exit code, too.
                result, words = self.attempt("lag", "--format=json", "--stage", "check")
                self.assertIn(result.returncode, (0, 1), f"{words}\n{result.stdout}{result.stderr}")
                return json.loads(result.stdout)["stages"][0]

            # The plugins' numbers are some seconds old.
            stage = self.await_that(look, lambda seen: all((p["lag"], p["verdict"]) == (0, "OK") and p["owner"] for p in seen["partitions"]))
            self.assertIn(source, stage["source"])


if __name__ == "__main__":
    unittest.main()
