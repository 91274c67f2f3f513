"""One planted bug, drawn anew whenever a program changes, must be found: that nothing fails in the simulator means something.

MILLRACE_CANARY (bazel test --test_env=MILLRACE_CANARY=09_commit_before_report) names one instead. Else the digest of all programs draws it: they
hold the production code, so each change of that draws again, and the same code draws the same bug.
"""

import hashlib
import os
import subprocess
import sys
import unittest

FOLDER = "sim/mutants"


def programs():
    return sorted(edit[:-len(".edit")] for edit in os.listdir(FOLDER) if edit.endswith(".edit"))


def drawn(names):
    digest = hashlib.sha256()
    for name in names:
        with open(os.path.join(FOLDER, name), "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return names[int.from_bytes(digest.digest()[:8], "big") % len(names)]


class CanaryTest(unittest.TestCase):
    def test_is_found(self):
        names = programs()
        self.assertGreater(len(names), 20)
        name = os.environ.get("MILLRACE_CANARY") or drawn(names)
        self.assertIn(name, names)
        print("the canary of this build is", name, file=sys.stderr)
        process = subprocess.run([os.path.join(FOLDER, name), "--searches", "3"], stdout=subprocess.PIPE, text=True, check=False)
        print(process.stdout, file=sys.stderr)
        self.assertEqual(process.returncode, 0, "not found, or not in each search")


if __name__ == "__main__":
    unittest.main()
