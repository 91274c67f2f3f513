"""When memory has come to rest, what it may be, and what was written."""

import math
import unittest

import sink_stall
from peer_brokers import Failed
from sink_stall import KafkaSink, Quiet, RabbitSink, await_written, bound_mib, memory_bound, peak_mib


class QuietTest(unittest.TestCase):
    def test_what_grows_is_not_quiet(self):
        quiet = Quiet(least=0)
        for second in range(10):
            self.assertFalse(quiet.see(10 + second, second))
        # Less than a MiB does not count.
        self.assertFalse(quiet.see(19.5, 11))
        self.assertTrue(quiet.see(19.9, 12))

    def test_who_has_not_begun_is_not_quiet(self):
        quiet = Quiet(least=50)
        self.assertFalse(quiet.see(20, 0))
        self.assertFalse(quiet.see(20, 100))
        self.assertFalse(quiet.see(60, 101))
        self.assertTrue(quiet.see(60, 104))


class BoundTest(unittest.TestCase):
    def test_windows_are_bounded_by_messages_and_by_bytes(self):
        self.assertEqual(sink_stall.window_bytes(256), 1024 * 256)
        self.assertEqual(sink_stall.window_bytes(900_000), 8 << 20)

    def test_bounds_follow_from_the_limits(self):
        base = sink_stall.BASE_MIB
        # 16 read ahead and 2 more, 8 in the window, 8 of outputs, and 8 of them in the producer's queue, for each partition.
        self.assertEqual(bound_mib(KafkaSink, 2, 8192), base + math.ceil(1.1 * 2 * 42))
        # With large windows the producer's queue is full first.
        self.assertEqual(bound_mib(KafkaSink, 100, 8192), base + math.ceil(1.1 * (100 * 34 + 64)))
        self.assertEqual(bound_mib(RabbitSink, 2, 8192), base + math.ceil(1.1 * 2 * 2 * 8))

    def test_only_ours_is_bounded(self):
        limit = bound_mib(RabbitSink, 2)
        bound = memory_bound(RabbitSink, 2)
        self.assertEqual(bound.text, "at most %d MiB" % limit)
        self.assertTrue(bound.kept(limit, 9999, 0.1))
        self.assertFalse(bound.kept(limit + 1, 9999, 0.1))


class Written:
    def __init__(self, *counts):
        self._counts = list(counts)

    def written(self, topic, group, partitions):
        del topic, group, partitions
        return self._counts.pop(0)


class WrittenTest(unittest.TestCase):
    def test_more_than_there_was_is_told(self):
        await_written(Written(10), "out", "g", 2, 10)
        with self.assertRaisesRegex(Failed, "out has taken 11 records of 10"):
            await_written(Written(11), "out", "g", 2, 10)


class PeakTest(unittest.TestCase):
    def test_the_peak_of_a_process(self):
        self.assertEqual(peak_mib("VmPeak:\t  9000 kB\nVmHWM:\t    2048 kB\nVmRSS:\t 1024 kB\n"), 2)
        with self.assertRaisesRegex(Failed, "ended"):
            peak_mib("State:\tZ (zombie)\n")


if __name__ == "__main__":
    unittest.main()
