"""Figures of paired runs, and the lines that show them beside their bounds."""

import unittest

import peer_figures
from peer_figures import BOUNDS, Paired, bound_row, paired_row, parse, slope


class PeerFiguresTest(unittest.TestCase):
    def test_figures_of_a_line(self):
        self.assertEqual(parse("elapsed_s=2.500 cpu_s=0.04 messages_per_second=200000\n"), {"elapsed_s": 2.5, "cpu_s": 0.04, "messages_per_second": 200000.0})
        self.assertEqual(parse("url=http://x:1 count=12 rate=5x\n"), {"count": 12.0})

    def test_a_ratio_is_that_of_the_pairs(self):
        # Everything becomes slower by the pair, and ours is a tenth faster in each.
        paired = Paired([110, 55, 11], [100, 50, 10])
        self.assertAlmostEqual(paired.ratio(), 1.1)
        self.assertEqual(paired.medians(), (55, 50))
        # The median of the ratios, not the ratio of the medians.
        self.assertAlmostEqual(Paired([1, 10, 100], [2, 5, 100]).ratio(), 1.0)

    def test_the_middle_half(self):
        self.assertEqual(Paired([1, 2, 3, 4, 5], [1, 1, 1, 1, 1]).middle_half(), (2, 4))
        self.assertEqual(Paired([3], [2]).middle_half(), (1.5, 1.5))

    def test_runs_without_their_pair_are_refused(self):
        with self.assertRaises(ValueError):
            Paired([1, 2], [1]).ratio()

    def test_what_a_run_pays_once_cancels_out(self):
        self.assertEqual(slope(1_000_000 + 500 * 10, 1_000_000 + 500 * 30, 10, 30), 500)
        with self.assertRaises(ValueError):
            slope(1, 2, 10, 10)

    def test_bounds(self):
        def kept(broker, name, ours, theirs):
            return BOUNDS[broker][name].kept(ours, theirs, ours / theirs)

        self.assertTrue(kept("Kafka", "throughput", 98, 100))
        self.assertFalse(kept("Kafka", "throughput", 97, 100))
        self.assertTrue(kept("Kafka", "cpu", 115, 100))
        self.assertFalse(kept("Kafka", "cpu", 116, 100))
        self.assertTrue(kept("Kafka", "p50", 1.5, 0.1))
        self.assertFalse(kept("Kafka", "p50", 1.6, 9.0))
        self.assertTrue(kept("Kafka", "p99", 3.9, 3.0))
        self.assertFalse(kept("Kafka", "p99", 4.1, 3.0))
        self.assertFalse(kept("RabbitMQ", "throughput", 114, 100))
        self.assertFalse(kept("RabbitMQ", "p50", 4.1, 4.0))
        self.assertTrue(kept("RabbitMQ", "consume", 20, 100))
        self.assertFalse(kept("RabbitMQ", "idle", 1.0, 5.0))

    def test_a_line_says_what_is_missed(self):
        bound = BOUNDS["Kafka"]["throughput"]
        self.assertIn("1.100 x (1.100 to 1.100)", paired_row("speed", Paired([110], [100]), "%.0f", bound))
        self.assertNotIn("MISSED", paired_row("speed", Paired([110], [100]), "%.0f", bound))
        self.assertIn("at least 0.98 x  MISSED", paired_row("speed", Paired([90], [100]), "%.0f", bound))
        self.assertIn("below 1 %  MISSED", bound_row("idle", 2.0, 0.0, "%.2f", "", BOUNDS["Kafka"]["idle"]))
        self.assertNotIn("MISSED", bound_row("all threads", 2.0, 1.0, "%.2f", ""))

    def test_columns_stand_below_their_heads(self):
        line = peer_figures.row("what", "1", "2", "3 x", "must")
        self.assertEqual(line.index("must"), peer_figures.HEAD.index("must be"))


if __name__ == "__main__":
    unittest.main()
