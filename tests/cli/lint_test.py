"""`millrace lint` on pipelines that are broken on purpose: what it says of each is in the .expected file beside it.

After a change on purpose: MILLRACE_UPDATE=1, run from the workspace, rewrites them.
"""

import os
import pathlib
import subprocess
import unittest

MILLRACE = os.path.abspath(os.environ.get("MILLRACE", "ops/millrace"))
BROKEN = pathlib.Path("tests/cli/broken")


def lint(*arguments):
    return subprocess.run([MILLRACE, "lint", *arguments], capture_output=True, text=True, check=False)


class LintTest(unittest.TestCase):
    maxDiff = None

    def test_each_broken_pipeline_is_explained(self):
        pipelines = sorted(BROKEN.glob("*.textproto"))
        self.assertEqual(len(pipelines), 5)
        for pipeline in pipelines:
            with self.subTest(pipeline=pipeline.name):
                result = lint(str(pipeline))
                expected = pipeline.with_suffix(".expected")
                if os.environ.get("MILLRACE_UPDATE"):
                    expected.write_text(result.stdout, encoding="utf-8")
                self.assertEqual(result.stdout, expected.read_text(encoding="utf-8"))
                self.assertEqual(result.returncode, 2)
                self.assertEqual(result.stderr, "")

    def test_every_line_names_file_and_line_and_what_to_do(self):
        for pipeline in sorted(BROKEN.glob("*.textproto")):
            for line in lint(str(pipeline)).stdout.splitlines():
                self.assertRegex(line, r"^tests/cli/broken/\w+\.textproto:\d+: .+; .+")

    def test_several_files_in_one_run_and_the_worst_counts(self):
        result = lint("stages/property/property.textproto", str(BROKEN / "flow.textproto"))
        self.assertEqual(result.returncode, 2)
        self.assertIn("stages/property/property.textproto: good", result.stdout)
        self.assertIn("flow.textproto:", result.stdout)

    def test_the_default_is_the_pipeline_it_was_built_with(self):
        result = lint()
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("property.textproto: good", result.stdout)

    def test_a_file_that_is_not_there(self):
        result = lint("none.textproto")
        self.assertEqual(result.returncode, 2)
        self.assertIn("none.textproto", result.stderr)

    def test_options_of_the_bus_count(self):
        pipeline = "stages/property/property.textproto"
        rabbit = (pipeline, "--bus", "amqp://host/")
        self.assertNotIn("warning", lint(*rabbit).stdout)
        result = lint(*rabbit, "--bus-option", "consumer_timeout=1")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertRegex(result.stdout, r"property\.textproto:\d+: warning: stage .* takes back what is unsettled for 1 s")
        result = lint(*rabbit, "--bus-option", "consumer_timeout=never", "--bus-option", "password=s3cret")
        self.assertEqual(result.returncode, 2)
        self.assertIn("consumer_timeout", result.stdout)
        self.assertNotIn("s3cret", result.stdout + result.stderr)
        result = lint(*rabbit, "--bus-option", "s3cret")
        self.assertEqual(result.returncode, 2)
        self.assertIn("not of the form name=value", result.stderr)
        self.assertNotIn("s3cret", result.stdout + result.stderr)

    def test_a_bus_from_the_command_line(self):
        result = lint("stages/property/property.textproto", "--bus", "mme:")
        self.assertEqual(result.returncode, 2)
        self.assertIn('did you mean "mem:"?', result.stdout)


if __name__ == "__main__":
    unittest.main()
