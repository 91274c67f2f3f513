"""The workspace keeps its habits. See tests/tidy/determinism.py and tests/tidy/style.py for which."""

import sys
import unittest

import sources
import tidy


class TidyTest(unittest.TestCase):
    def test_workspace(self):
        root = sources.workspace_root()
        # Without this the check could pass because it looked at nothing.
        self.assertGreater(sum(path.endswith((".h", ".cc")) for path in sources.walk(root)), 20, "the workspace was not found")
        wrong = tidy.check_tree(root)
        for line in wrong:
            print(line, file=sys.stderr)
        self.assertEqual(len(wrong), 0, f"{len(wrong)} findings above; exceptions go to {tidy.ALLOW_LIST}, with a reason")


if __name__ == "__main__":
    unittest.main()
