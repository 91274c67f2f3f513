"""What chaos.py judges by itself: ends of workers, zombies, the order of troubles."""

import pathlib
import signal
import sys
import tempfile
import time
import unittest

import brokers
import chaos
import workers
import zombies

KILL, TERM = signal.SIGKILL, signal.SIGTERM


class Ends(unittest.TestCase):
    def test_what_this_script_asked_for(self):
        for code, sent in ((-KILL, [KILL]), (0, [TERM]), (-KILL, [TERM, KILL])):
            self.assertIsNone(workers.unexpected(code, sent, at_work=True, broker_away=False), (code, sent))

    def test_nobody_asked_for_it(self):
        for code, sent in ((-signal.SIGSEGV, []), (-signal.SIGABRT, [TERM]), (-KILL, []), (-KILL, [TERM]), (0, []), (0, [KILL]), (3, []), (3, [TERM]), (2, [TERM]),
                           (-TERM, [TERM])):
            self.assertIn(f"ended with {code}", workers.unexpected(code, sent, at_work=True, broker_away=False))

    def test_one_that_has_not_begun(self):
        for code in (-TERM, 3):
            self.assertIsNone(workers.unexpected(code, [TERM], at_work=False, broker_away=False))
            self.assertIsNotNone(workers.unexpected(code, [], at_work=False, broker_away=False))

    def test_the_broker_was_away(self):
        self.assertIsNone(workers.unexpected(3, [], at_work=True, broker_away=True))
        self.assertIsNone(workers.unexpected(3, [TERM], at_work=True, broker_away=False, left_unsettled=True))
        self.assertIsNotNone(workers.unexpected(3, [], at_work=True, broker_away=False, left_unsettled=True))
        self.assertIsNotNone(workers.unexpected(3, [TERM], at_work=True, broker_away=False))
        self.assertIsNotNone(workers.unexpected(-signal.SIGSEGV, [], at_work=True, broker_away=True))

    def test_who_is_asked_to_end_when_all_is_settled_leaves_nothing(self):
        for idle in (False, True):
            code = f"import signal, sys, time; signal.signal(15, lambda *_: (print('{workers.LEFT_UNSETTLED}'), sys.exit(3))); print('at work on x', flush=True); time.sleep(100)"
            worker = self.process(code)
            while "at work" not in worker.log.read_text(encoding="utf-8"):
                time.sleep(0.01)
            failure = worker.end(workers.Outages(), idle)
            self.assertEqual(failure is None, not idle, failure)

    def test_outages(self):
        outages = workers.Outages()
        outages.times = [[100.0, 110.0]]
        self.assertFalse(outages.touch(90, 99))
        self.assertTrue(outages.touch(99, 101))
        self.assertTrue(outages.touch(112, 113))
        self.assertFalse(outages.touch(116, 117))

    def process(self, code):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        worker = workers.Worker("w", [sys.executable, "-c", code], pathlib.Path(folder.name))
        worker.start()
        return worker

    def test_a_crash_is_told_once_and_in_its_own_words(self):
        worker = self.process("print('at work on x'); print('assertion failed', flush=True); import os; os.abort()")
        while worker.alive():
            time.sleep(0.01)
        failure = worker.failure(workers.Outages())
        self.assertIn("w.1 ended with -6", failure)
        self.assertIn("assertion failed", failure)
        self.assertIsNone(worker.failure(workers.Outages()))

    def test_a_kill_is_no_crash(self):
        worker = self.process("import time; time.sleep(100)")
        self.assertTrue(worker.send(KILL))
        while worker.alive():
            time.sleep(0.01)
        self.assertFalse(worker.send(KILL))
        self.assertIsNone(worker.failure(workers.Outages()))


class Zombies(unittest.TestCase):
    ZOMBIE = zombies.Zombie("w0.1", 10_000_000_000, 20_000_000_000)

    def lost(self, **lines):
        """By process, what it has written: kind, seconds, partition."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        files = []
        for name, of in lines.items():
            path = pathlib.Path(folder.name) / name
            text = "".join(f"{kind} {int(at * 1e9)} {partition} 1 0\n" for kind, at, partition in of)
            path.write_text(f"millrace-history 1\n{name.replace('_', '.')}\nparse\n1\nclean\n{text}a 15", encoding="utf-8")
            files.append(zombies.read_lines(path))
        return zombies.lost(self.ZOMBIE, files)

    def test_it_was_told(self):
        self.assertTrue(self.lost(w0_1=[("a", 1, 3), ("l", 20.5, 3)]))
        self.assertFalse(self.lost(w0_1=[("a", 1, 3), ("l", 25, 3)]), "that was something else")

    def test_others_had_it_meanwhile(self):
        self.assertTrue(self.lost(w0_1=[("a", 1, 3)], w1_1=[("a", 15, 3)]))
        self.assertFalse(self.lost(w0_1=[("a", 1, 3)], w1_1=[("a", 15, 4)]), "that was never its own")
        self.assertFalse(self.lost(w0_1=[("a", 1, 3)], w1_1=[("a", 21, 3)]), "it was awake by then")

    def test_it_slept_too_short(self):
        self.assertFalse(self.lost(w0_1=[("a", 1, 3), ("D", 21, 3)], w1_1=[("a", 1, 4), ("D", 12, 4)]))

    def test_it_held_nothing(self):
        self.assertIsNone(self.lost(w0_1=[("a", 1, 3), ("x", 5, 3)], w1_1=[("a", 6, 3)]))


class Troubles(unittest.TestCase):
    def test_each_kind_comes_first_once(self):
        for seed in range(20):
            deck = chaos.Deck(seed, chaos.KINDS)
            first = [deck.draw() for _ in chaos.KINDS]
            self.assertEqual(sorted(first), sorted(chaos.KINDS), seed)
            self.assertEqual(sum(deck.draw() == "kill" for _ in range(sum(chaos.KINDS.values()))), chaos.KINDS["kill"])

    def test_zombies_sleep_longer_than_the_broker_waits(self):
        self.assertEqual(brokers.Patience(True, "").parameters, "session.timeout.ms=4000")
        self.assertEqual(brokers.Patience(True, "").zombie_seconds, 9)
        asked = brokers.Patience(True, "replication=1&session.timeout.ms=20000")
        self.assertEqual(asked.parameters, "replication=1&session.timeout.ms=20000")
        self.assertEqual(asked.zombie_seconds, 41)
        self.assertEqual(brokers.Patience(False, "prefetch=9").parameters, "prefetch=9&heartbeat=2")
        self.assertEqual(brokers.Patience(False, "").zombie_seconds, 8)


if __name__ == "__main__":
    unittest.main()
