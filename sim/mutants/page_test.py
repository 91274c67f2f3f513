"""docs/reference/planted-bugs.md has the table that sim/mutants/page.py prints, and each number of the catalogue."""

import pathlib
import re
import unittest

import page

PAGE = pathlib.Path("docs/reference/planted-bugs.md")
NUMBERS = set(range(1, 32))  # of the catalogue, and beyond it
NOWHERE = {18}               # what has nothing to be planted in


class PageTest(unittest.TestCase):
    def setUp(self):
        self.text = PAGE.read_text(encoding="utf-8")

    def test_table(self):
        self.assertIn("\n\n" + page.table(), self.text, "print it again: python3 sim/mutants/page.py")

    def test_each_number_has_its_bug_or_its_reason(self):
        planted = {int(name) for name in re.findall(r"^\| `(\d\d)_", page.table(), re.MULTILINE)}
        reasons = {int(number) for number in re.findall(r"^\| (\d+) \|", self.text, re.MULTILINE)}
        self.assertEqual(planted | reasons, NUMBERS)
        self.assertFalse(planted & reasons)
        self.assertLessEqual(NOWHERE, reasons)

    def test_planted_in_production_sources(self):
        self.assertNotIn("`sim/", page.table())
        self.assertNotIn("testing/", page.table())


if __name__ == "__main__":
    unittest.main()
