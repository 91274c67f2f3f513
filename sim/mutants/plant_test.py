"""Edit files are applied exactly, or not at all."""

import unittest

import plant

HEAD = "# a comment\nbug: 1 K something (L)\nexpects: no-loss, liveness\npipeline: one\n"


def edit(old, new, path="a.cc"):
    return "edit %s\n<<<\n%s\n===\n%s\n>>>\n" % (path, old, new)


class PlantTest(unittest.TestCase):
    def apply(self, text, **sources):
        _, edits = plant.parse(text)
        return plant.apply(edits, {name + ".cc": source for name, source in sources.items()})

    def test_replaces_what_is_there_once(self):
        edited = self.apply(HEAD + edit("  b();\n  c();", "  c();"), a="a();\n  b();\n  c();\nd();\n")
        self.assertEqual(edited, {"a.cc": "a();\n  c();\nd();\n"})

    def test_several_edits_one_after_the_other(self):
        edited = self.apply(HEAD + edit("one", "two") + edit("x", "y", "b.cc") + edit("two", "three"), a="one", b="x")
        self.assertEqual(edited, {"a.cc": "three", "b.cc": "y"})

    def refused(self, text, because, **sources):
        with self.assertRaisesRegex(plant.EditError, because):
            self.apply(text, **sources)

    def test_refuses_what_is_missing_or_ambiguous(self):
        self.refused(HEAD + edit("b", "c"), "0 times", a="a")
        self.refused(HEAD + edit("b", "c"), "2 times", a="b b")

    def test_refuses_sources_that_do_not_match(self):
        self.refused(HEAD + edit("b", "c"), "not among the sources", z="b")
        self.refused(HEAD + edit("b", "c"), "not edited", a="b", z="b")

    def test_refuses_edits_that_are_none(self):
        self.refused(HEAD + edit("b", "b"), "changes nothing", a="b")
        self.refused(HEAD + edit("", "b"), "nothing to replace", a="b")
        self.refused(HEAD, "no edits")

    def test_refuses_broken_heads(self):
        self.refused("bug: 1\npipeline: one\n" + edit("b", "c"), "missing: expects", a="b")
        self.refused(HEAD.replace("one", "two") + edit("b", "c"), "pipeline", a="b")
        self.refused(HEAD + "semantics: kafka\n" + edit("b", "c"), "semantics", a="b")
        self.refused(HEAD + "nonsense\n" + edit("b", "c"), "what is this", a="b")
        self.refused(HEAD + "edit a.cc\n<<<\nb\n===\nc\n", "no line >>>", a="b")

    def test_describes_the_bug(self):
        fields, _ = plant.parse(HEAD + "semantics: queue\n" + edit("b", "c"))
        text = plant.description("01_x", fields)
        self.assertIn('.name = "01_x"', text)
        self.assertIn('.expects = {"no-loss", "liveness"}', text)
        self.assertIn("Semantics::kQueue", text)


if __name__ == "__main__":
    unittest.main()
