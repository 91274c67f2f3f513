"""ops/setup with the machine's package programs replaced by stand-ins that write down what they were asked for."""

import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.realpath("WORKSPACE"))

# The stand-in for apt-get "installs" by adding lines to the list of what is installed, unless it is told not to.
DPKG_QUERY = """#!/bin/bash
for p in "${@:4}"; do grep -qxF "$p" "$STATE/installed" && echo "$p installed" || { echo "$p not-installed"; }; done
"""
APT_GET = """#!/bin/bash
echo "$*" >> "$STATE/asked"
[ -e "$STATE/broken" ] && { echo "E: the mirror is gone"; exit 100; }
[ "$1" = update ] && touch "$STATE/updated"
[ "$1" = install ] && [ -e "$STATE/stale" ] && [ ! -e "$STATE/updated" ] && { echo "E: 404"; exit 100; }
if [ "$1" = install ] && [ ! -e "$STATE/lies" ]; then
  for p in "$@"; do case $p in -*|install|*=*) ;; *) echo "$p" >> "$STATE/installed";; esac; done
fi
exit 0
"""
ID = """#!/bin/bash
[ "$1" = -u ] && cat "$STATE/uid"
"""


def wanted():
    with open(os.path.join(ROOT, "third_party/packages.txt"), encoding="utf-8") as file:
        lines = [line.split("#")[0].split() for line in file]
    return [words[0] for words in lines if words]


class SetupTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.state = folder.name
        self.bin = os.path.join(self.state, "bin")
        os.mkdir(self.bin)
        for name, text in {"dpkg-query": DPKG_QUERY, "apt-get": APT_GET, "id": ID}.items():
            self.write("bin/" + name, text)
            os.chmod(os.path.join(self.bin, name), 0o755)
        self.write("uid", "0\n")
        self.write("installed", "".join(p + "\n" for p in wanted()))

    def write(self, name, text=""):
        with open(os.path.join(self.state, name), "w", encoding="utf-8") as file:
            file.write(text)

    def asked(self):
        path = os.path.join(self.state, "asked")
        return open(path, encoding="utf-8").read() if os.path.exists(path) else ""

    def setup_command(self):
        environment = {"PATH": self.bin + ":/usr/bin:/bin", "STATE": self.state, "TMPDIR": self.state, "HOME": self.state}
        command = ["bash", os.path.join(ROOT, "ops/setup")]
        return subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)

    def test_list_is_in_order_with_reasons(self):
        self.assertEqual(wanted(), sorted(set(wanted())))
        with open(os.path.join(ROOT, "third_party/packages.txt"), encoding="utf-8") as file:
            for line in file:
                self.assertIn("#", line, "each package says why")

    def test_everything_there(self):
        result = self.setup_command()
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(self.asked(), "")

    def test_root_installs_what_is_missing_and_only_that(self):
        self.write("installed", "".join(p + "\n" for p in wanted() if p not in ("g++", "clang")))
        result = self.setup_command()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Installing 2 of %d" % len(wanted()), result.stdout)
        self.assertIn("install -y --no-install-recommends clang g++ ", self.asked())
        self.assertEqual(self.setup_command().stdout, "", "the second time there is nothing to do")

    def test_names_are_compared_whole(self):
        self.write("installed", "".join(p + "\n" for p in wanted() if p != "clang"))  # clang-format is there
        self.assertIn("Installing 1 of", self.setup_command().stdout)

    def test_updates_stale_lists(self):
        self.write("installed")
        self.write("stale")
        result = self.setup_command()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("update", self.asked())

    def test_others_are_told_the_command(self):
        self.write("uid", "1000\n")
        self.write("installed", "".join(p + "\n" for p in wanted() if p != "g++"))
        result = self.setup_command()
        self.assertEqual(result.returncode, 3)
        self.assertIn("sudo apt-get install -y --no-install-recommends g++\n", result.stderr)
        self.assertEqual(self.asked(), "")

    def test_says_what_went_wrong(self):
        self.write("installed")
        self.write("broken")
        result = self.setup_command()
        self.assertEqual(result.returncode, 3)
        self.assertIn("the mirror is gone", result.stderr)

    def test_does_not_believe_apt(self):
        self.write("installed", "".join(p + "\n" for p in wanted() if p != "g++"))
        self.write("lies")
        result = self.setup_command()
        self.assertEqual(result.returncode, 3)
        self.assertIn("still missing after installing: g++", result.stderr)


if __name__ == "__main__":
    unittest.main()
