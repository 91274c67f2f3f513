import contextlib
import io
import json
import os
import pathlib
import tempfile
import unittest

import count_tests


def configured(label, size="SMALL"):
    return {"id": {"targetConfigured": {"label": label}}, "configured": {"testSize": size} if size else {}}


def completed(label, success):
    return {"id": {"targetCompleted": {"label": label}}, "completed": {"success": True} if success else {}}


def summary(label, status):
    return {"id": {"testSummary": {"label": label}}, "testSummary": {"overallStatus": status}}


def test(label, status):
    return [configured(label), completed(label, True), summary(label, status)]


class CountTest(unittest.TestCase):
    def count(self, *steps, cut=None):
        """(exit status, lines) for steps of (events or None for no file, bazel's exit status)."""
        with tempfile.TemporaryDirectory() as folder:
            arguments = []
            for number, (events, status) in enumerate(steps):
                path = os.path.join(folder, f"events=of{number}")
                if events is not None:
                    with open(path, "w", encoding="utf-8") as file:
                        file.write("".join(json.dumps(e) + "\n" for e in events))
                        file.write(cut or "")
                arguments.append(f"step{number}={path}={status}")
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = count_tests.main(arguments)
            return code, out.getvalue().splitlines()

    def test_all_passed(self):
        self.assertEqual(self.count((test("//a:x", "PASSED") + test("//a:y", "PASSED"), 0)), (0, ["2 passed, 0 failed"]))

    def test_a_target_counts_in_each_step(self):
        events = test("//a:x", "PASSED")
        self.assertEqual(self.count((events, 0), (events, 0)), (0, ["2 passed, 0 failed"]))

    def test_everything_but_passed_has_failed(self):
        for status in ("FAILED", "TIMEOUT", "FLAKY", "INCOMPLETE", "NO_STATUS", "REMOTE_FAILURE"):
            code, lines = self.count((test("//a:x", status) + test("//a:y", "PASSED"), 3))
            self.assertEqual(code, 1)
            self.assertEqual(lines, [f"step0: //a:x: {status}", "1 passed, 1 failed"])

    def test_a_failed_test_is_told_with_the_end_of_its_log(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "a b.log")
            with open(log, "w", encoding="utf-8") as file:
                file.write("".join(f"line {n}\n" for n in range(100)))
            def result(label, status, path):
                return {"id": {"testResult": {"label": label}},
                        "testResult": {"status": status, "testActionOutput": [{"name": "test.log", "uri": pathlib.Path(path).as_uri()}]}}
            events = ([result("//a:x", "FAILED", log)] + test("//a:x", "FAILED") + [result("//a:y", "PASSED", log)] + test("//a:y", "PASSED") +
                      [result("//a:z", "TIMEOUT", log + ".gone")] + test("//a:z", "TIMEOUT"))
            code, lines = self.count((events, 3))
        self.assertEqual(code, 1)
        told = [f"  | line {n}" for n in range(100 - count_tests.TOLD_LINES, 100)]
        self.assertEqual(lines, ["step0: //a:x: FAILED"] + told + ["step0: //a:z: TIMEOUT", "  | no log: No such file or directory", "1 passed, 2 failed"])

    def test_what_was_not_built_has_failed(self):
        events = [configured("//a:x"), completed("//a:x", False)] + test("//a:y", "PASSED")
        self.assertEqual(self.count((events, 1)), (1, ["step0: //a:x: NOT BUILT", "1 passed, 1 failed"]))

    def test_what_was_not_run_has_failed(self):
        events = [configured("//a:x")] + test("//a:y", "PASSED")
        self.assertEqual(self.count((events, 8)), (1, ["step0: //a:x: NOT RUN", "1 passed, 1 failed"]))

    def test_libraries_are_no_tests(self):
        events = [configured("//a:lib", None), completed("//a:lib", True)] + test("//a:x", "PASSED")
        self.assertEqual(self.count((events, 0)), (0, ["1 passed, 0 failed"]))

    def test_a_library_that_does_not_build_fails_the_step(self):
        events = [configured("//a:lib", None), completed("//a:lib", False)] + test("//a:x", "PASSED")
        self.assertEqual(self.count((events, 1)), (1, ["step0: bazel failed with status 1", "1 passed, 1 failed"]))

    def test_nothing_ran(self):
        self.assertEqual(self.count(([], 0)), (1, ["step0: no tests ran", "0 passed, 1 failed"]))
        self.assertEqual(self.count((None, 37)), (1, ["step0: bazel failed with status 37", "0 passed, 1 failed"]))
        self.assertEqual(self.count(), (1, ["0 passed, 0 failed"]))
        # Another step's passes don't cover for it.
        code, lines = self.count((test("//a:x", "PASSED"), 0), (None, 0))
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed"))

    def test_a_file_cut_short(self):
        code, lines = self.count(([configured("//a:x")], 37), cut='{"id": {"testSumm')
        self.assertEqual((code, lines[-1]), (1, "0 passed, 1 failed"))


if __name__ == "__main__":
    unittest.main()
