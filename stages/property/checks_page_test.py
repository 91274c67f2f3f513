"""docs/reference/property-checks.md against the code: each refusal and each finding that the sources name is on the page, in the section of its stage, and
each finding on the page is in the sources."""

import pathlib
import re
import unittest

PAGE = pathlib.Path("docs/reference/property-checks.md")
FOLDER = pathlib.Path("stages/property")
# The sources whose refusals a section tells.
SECTIONS = {
    "property.parse": ["csv_record", "fields", "map_king_county", "map_reso", "map_vancouver", "parse", "record_parser"],
    "property.validate": ["checks"],
    "property.store": ["store"],
}
# What stands on the page for a value that the code has in a variable.
IN_WORDS = {"prices": "field"}

REFUSAL = re.compile(r'\bBad\("([^"]+)"')
FINDING = re.compile(r'\bAddFinding\(\w+,\s*([^;]*?),\s*"(\w+)",', re.DOTALL)


def source(name):
    return (FOLDER / (name + ".cc")).read_text(encoding="utf-8")


def rows(section):
    """The rows of the tables of a section, each a list of cells; heads and rules left out."""
    text = PAGE.read_text(encoding="utf-8")
    start = text.index("## " + section)
    lines = text[start:].split("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if not row[0].startswith("---") and row[0] not in ("field", "field in the reason")]


def named(cell):
    """The fields that a first cell names, without the column of the source behind them."""
    names = [re.sub(r" \(.*\)$", "", name) for name in re.findall(r"`([^`]+)`", cell)]
    return names + [word for word in IN_WORDS if word in cell]


def covers(cell, field):
    # "a field (`ListPrice`, …)" gives examples of the dictionary's fields and of the sources' columns.
    if cell.startswith("a field") and field not in ("record", "page"):
        return True
    return any(field == name or name.endswith("…") and field.startswith(name[:-1]) for name in named(cell))


class ChecksPageTest(unittest.TestCase):
    def test_each_refusal_is_on_the_page(self):
        seen = 0
        for section, files in SECTIONS.items():
            table = [row for row in rows(section) if len(row) == 2]
            page = " ".join(row[0] for row in table)
            for name in files:
                for full in REFUSAL.findall(source(name)):
                    seen += 1
                    field = re.sub(r" \(.*\)$", "", full)
                    self.assertTrue(any(covers(row[0], field) for row in table),
                                    f"{name}.cc refuses {full!r}, which {PAGE} has not under {section}")
        self.assertGreater(seen, 30, "the pattern for refusals fits no more")

    def findings(self):
        found = set()
        for name in ("checks", "fields"):
            for field, code in FINDING.findall(source(name)):
                for literal in re.findall(r'"(\w+)"', field) or [field]:
                    found.add((literal, code))
        return found

    def test_each_finding_is_on_the_page(self):
        findings = self.findings()
        self.assertGreater(len(findings), 15, "the pattern for findings fits no more")
        table = [row for section in ("property.parse", "property.validate") for row in rows(section) if len(row) == 3]
        for field, code in sorted(findings):
            of_code = [row[0] for row in table if row[1] == f"`{code}`"]
            self.assertTrue(of_code, f"no finding `{code}` in {PAGE}")
            if field[0].isupper():
                self.assertTrue(any(covers(cell, field) for cell in of_code), f"no finding `{code}` of {field} in {PAGE}")

    def test_each_finding_on_the_page_is_in_the_code(self):
        findings = self.findings()
        for section in ("property.parse", "property.validate"):
            for row in rows(section):
                if len(row) != 3:
                    continue
                code = row[1].strip("`")
                fields = {field for field, other in findings if other == code}
                self.assertTrue(fields, f"{PAGE} tells of a finding `{code}` that the code has not")
                for name in named(row[0]):
                    literal = name in fields or any(not field[0].isupper() for field in fields)
                    self.assertTrue(literal, f"{PAGE} tells of a finding `{code}` of {name} that the code has not")


if __name__ == "__main__":
    unittest.main()
