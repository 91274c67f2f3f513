"""docs/guides/prove-your-pipeline.md does what it says: its files are those of this folder, and its commands are run."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

GUIDE = pathlib.Path("docs/guides/prove-your-pipeline.md")
FOLDER = pathlib.Path("tests/guide")
# The guide's reader has one program and changes it; here are both.
PROGRAMS = {"": os.path.abspath("tests/guide/orders_sim"), " with the bug": os.path.abspath("tests/guide/hasty_sim")}
_BLOCK = re.compile(r"<!-- ([^>]*) -->\n\n```\w*\n(.*?)```\n", re.DOTALL)


def blocks():
    return _BLOCK.findall(GUIDE.read_text(encoding="utf-8"))


def pattern(line):
    return ".*".join(re.escape(part) for part in line.split("…"))


class GuideTest(unittest.TestCase):
    maxDiff = None

    def run_block(self, text, program, folder):
        """A block of commands, as one script. What Bazel builds has been built; what it tests is run as it would be."""
        scripts = {"bazel-bin/orders/orders": f'exec "{program}" "$@"\n',
                   "bin/bazel": f'[ "$1" = build ] || exec "{program}" fault-test --min-seeds=100 --budget-seconds=30\n'}
        for name, script in scripts.items():
            path = pathlib.Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/bash\n" + script, encoding="utf-8")
            path.chmod(0o755)
        result = subprocess.run(["bash", "-euc", text], capture_output=True, text=True, check=False, cwd=folder,
                                env=os.environ | {"PATH": f"{folder}/bin:{os.environ['PATH']}"})
        return result.returncode, result.stdout + result.stderr

    def test_files_are_those_that_are_tested(self):
        files = {what.removeprefix("file: ").removeprefix("orders/"): text for what, text in blocks() if what.startswith("file: ")}
        self.assertEqual(sorted(files), [".bazelrc", "BUILD", "orders.cc", "orders.textproto"])
        flags = [line for line in files[".bazelrc"].split("\n") if line and not line.startswith("#")]
        self.assertEqual(flags, ["build --cxxopt=-std=c++20 --host_cxxopt=-std=c++20", "build -c opt --dynamic_mode=off"],
                         "as tests/consumer/.bazelrc has them")
        for name in ("orders.cc", "orders.textproto"):
            self.assertEqual(files[name], (FOLDER / name).read_text(encoding="utf-8"))
        build = (FOLDER / "BUILD").read_text(encoding="utf-8")
        rules = [rule for rule in files["BUILD"].replace("@millrace//", "//").strip().split("\n\n") if not rule.startswith("load(")]
        self.assertEqual(len(rules), 3)
        for rule in rules:
            self.assertIn(rule, build)

    def test_the_bug_is_the_one_that_is_tested(self):
        changes = dict(block for block in blocks() if block[0] in ("old", "new"))
        source = (FOLDER / "orders.cc").read_text(encoding="utf-8")
        self.assertEqual(source.count(changes["old"]), 1)
        self.assertEqual(source.replace(changes["old"], changes["new"]), (FOLDER / "hasty.cc").read_text(encoding="utf-8"))

    def test_commands(self):
        with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as folder:
            output, runs, lines = "", 0, 0
            for what, text in blocks():
                if match := re.fullmatch(r"run(| with the bug): exit code (\d)", what):
                    runs += 1
                    code, output = self.run_block(text, PROGRAMS[match.group(1)], folder)
                    self.assertEqual(code, int(match.group(2)), text + output)
                elif what == "output":
                    for line in text.strip("\n").split("\n"):
                        lines += 1
                        self.assertRegex(output, "(?m)^" + pattern(line))
            self.assertEqual((runs, lines), (4, 11))


if __name__ == "__main__":
    unittest.main()
