"""Whether two programs have written the same."""

import unittest

from peer_brokers import Failed, Kafka, RabbitMQ, by_key, call, compare


class CompareTest(unittest.TestCase):
    def refused(self, ours, theirs, words, count=2):
        with self.assertRaisesRegex(Failed, words):
            compare(by_key(ours), by_key(theirs), count)

    def test_the_same_records_of_each_key(self):
        # Keys may come in any order among each other.
        compare(by_key([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]), by_key([(b"b", b"2"), (b"a", b"1"), (b"a", b"3")]), 3)

    def test_what_differs_is_told(self):
        self.refused([(b"a", b"1"), (b"a", b"2")], [(b"a", b"1"), (b"a", b"9")], "record 1 of key b'a' differs")
        self.refused([(b"a", b"1"), (b"a", b"2")], [(b"a", b"2"), (b"a", b"1")], "record 0 of key b'a' differs")
        self.refused([(b"a", b"1"), (b"a", b"2")], [(b"a", b"1"), (b"b", b"2")], "millrace has written 2 records, the C program 1")
        self.refused([(b"a", b"1")], [(b"a", b"1"), (b"a", b"2")], "millrace has written 1 records of 2")
        self.refused([(b"a", b"1"), (b"a", b"2")], [], "the C program has written 0 records of 2")


class AddressTest(unittest.TestCase):
    def test_addresses_that_client_libraries_take(self):
        self.assertEqual(Kafka("kafka://127.0.0.1:9092,127.0.0.1:9094?linger.ms=5", "").address, "127.0.0.1:9092,127.0.0.1:9094")
        self.assertEqual(RabbitMQ("amqp://guest:guest@127.0.0.1:5872/", "").address, "amqp://guest:guest@127.0.0.1:5872")


class CallTest(unittest.TestCase):
    def test_output(self):
        self.assertEqual(call(["echo", "well"]), b"well\n")

    def test_a_program_that_fails_says_why(self):
        with self.assertRaisesRegex(Failed, "status 4: no such queue"):
            call(["sh", "-c", "echo no such queue >&2; exit 4"])


if __name__ == "__main__":
    unittest.main()
