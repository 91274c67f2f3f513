"""The table of planted bugs says what was found, under which promise, and what is not within the goals."""

import contextlib
import io
import os
import stat
import tempfile
import unittest

import planted

FOUND = ('{"bug":"01_x","searches":3,"found":3,"unexpected":0,"seeds":7,"effective":6,"effective_most":9,"failures":{"no-loss: gone":3},"faults":1,"jobs":1,'
         '"messages":2,"records":40,"shrink_runs":300,"shrink_runs_most":400}')


class PlantedTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def program(self, name, output, code):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho '%s'\nexit %d\n" % (output, code))
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)

    def table(self, *names):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = planted.main(self.folder, 3, list(names))
        return code, out.getvalue()

    def test_found_within_goals(self):
        self.program("01_x", FOUND, 0)
        code, text = self.table("01_x")
        self.assertEqual(code, 0, text)
        self.assertIn("no-loss: gone", text)
        self.assertIn("1 of 1 bugs found within goals", text)
        self.assertNotIn("<--", text)

    def refused(self, old, new, words=""):
        self.assertIn(old, FOUND)
        self.program("01_x", FOUND.replace(old, new), 1)
        code, text = self.table("01_x")
        self.assertEqual(code, 1, text)
        self.assertIn("not within goals", text)
        self.assertIn(words, text)

    def test_not_within_goals(self):
        self.refused('"found":3', '"found":2')
        self.refused('"found":3,"unexpected":0', '"found":2,"unexpected":1', ", 1 unexpected")
        self.refused('"effective":6', '"effective":201')
        self.refused('"faults":1', '"faults":4')
        self.refused('"messages":2', '"messages":11')
        self.refused('"shrink_runs_most":400', '"shrink_runs_most":20001')

    def test_a_program_without_a_result(self):
        self.program("01_x", "no line of JSON", 2)
        self.program("02_y", FOUND.replace("01_x", "02_y"), 0)
        code, text = self.table("01_x", "02_y")
        self.assertEqual(code, 1)
        self.assertIn("01_x                               ended without a result", text)
        self.assertIn("1 of 2 bugs found within goals", text)


if __name__ == "__main__":
    unittest.main()
