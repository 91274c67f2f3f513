"""The lines of the benchmarks' table: what must be, and is not, says so."""

import unittest

import bench


def simulated(events=2e6, seeds=2000, few=3e6, many=2e6):
    return {
        "Seeds/log_200_jobs_8_crashes": {"broker_events_per_second": events, "seeds_per_second": seeds},
        "Seeds/queue_200_jobs_8_crashes": {"broker_events_per_second": 2e6, "seeds_per_second": 2000},
        "Seeds/log_100_jobs": {"broker_events_per_second": few, "seeds_per_second": 10},
        "Seeds/log_100000_jobs": {"broker_events_per_second": many, "seeds_per_second": 10},
    }


def missed(lines):
    return [text.split("  ")[1] for text in lines if text.endswith("  MISSED")]


class BenchTest(unittest.TestCase):
    def test_the_simulator_keeps_its_bounds(self):
        lines = list(bench.simulator_lines(simulated(events=1e6, seeds=1000, few=4e6, many=2e6)))
        self.assertEqual(missed(lines), [])
        self.assertIn("1.00 M events/s, 1000 seeds/s   must 1 M and 1,000; goal 5 M and 5,000", lines[0])
        self.assertRegex(lines[-1], r"^  an event's cost at 100,000 jobs, beside that at 100 +2\.00 x   must at most 2 x$")

    def test_events_seeds_and_growth_are_missed_each_by_itself(self):
        self.assertEqual(missed(bench.simulator_lines(simulated(events=0.99e6))), ["log 200 jobs 8 crashes"])
        self.assertEqual(missed(bench.simulator_lines(simulated(seeds=999))), ["log 200 jobs 8 crashes"])
        self.assertEqual(missed(bench.simulator_lines(simulated(few=4.1e6, many=2e6))), ["an event's cost at 100,000 jobs, beside that at 100"])

    def test_the_bus_beside_the_ring(self):
        lines = bench.bus_lines({name: {"ns/msg": 9, "x_ring": x} for name, x in
                                 (("RingAlone", 1), ("BrokerModel", 9), ("MemoryBusLog/1", 4), ("MemoryBusLog/8", 4.1), ("MemoryBusQueue/1", 9))})
        self.assertEqual(missed(lines), ["MemoryBusLog/8"])


if __name__ == "__main__":
    unittest.main()
