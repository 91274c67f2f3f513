"""The cache of objects that ops/lib/common.sh keeps: where it lies, and what goes from it."""

import os
import subprocess
import tempfile
import time
import unittest

COMMON = os.path.join(os.path.dirname(os.path.realpath("WORKSPACE")), "ops/lib/common.sh")
DAY = 24 * 3600


class CacheTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        os.mkdir(os.path.join(self.home, "bin"))
        self.packages("g++ 12.2 installed")

    def packages(self, text):
        program = os.path.join(self.home, "bin/dpkg-query")
        with open(program, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\necho '{text}'\n")
        os.chmod(program, 0o755)

    def flags(self, **environment):
        environment = {"HOME": self.home, "PATH": os.path.join(self.home, "bin") + ":/usr/bin:/bin", **environment}
        script = f'set -euo pipefail; . "{COMMON}"; find_build_flags; printf "%s\\n" "${{BUILD_FLAGS[@]}}"'
        result = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def cache(self, **environment):
        folders = [flag.split("=", 1)[1] for flag in self.flags(**environment) if flag.startswith("--disk_cache=")]
        self.assertLessEqual(len(folders), 1)
        return folders[0] if folders else None

    def test_lies_in_the_users_cache_and_is_there(self):
        cache = self.cache()
        self.assertTrue(cache.startswith(os.path.join(self.home, ".cache/millrace/objects-")), cache)
        self.assertTrue(os.path.isdir(cache))
        self.assertEqual(self.cache(), cache)
        other = os.path.join(self.home, "other")
        self.assertTrue(self.cache(XDG_CACHE_HOME=other).startswith(other + "/millrace/"))
        self.assertTrue(self.cache(MILLRACE_CACHE=other).startswith(other + "/objects-"))

    def test_is_another_one_when_the_packages_are_others(self):
        before = self.cache()
        self.packages("g++ 12.3 installed")
        self.assertNotEqual(self.cache(), before)

    def test_none_when_it_is_not_wanted_or_cannot_be_made(self):
        self.assertIsNone(self.cache(MILLRACE_CACHE=""))
        with open(os.path.join(self.home, "file"), "w", encoding="utf-8"):
            pass
        script_flags = subprocess.run(
            ["bash", "-c", f'set -euo pipefail; . "{COMMON}"; find_build_flags; echo "${{#BUILD_FLAGS[@]}}"'],
            env={"HOME": self.home, "PATH": "/usr/bin:/bin", "MILLRACE_CACHE": os.path.join(self.home, "file/below")},
            capture_output=True, text=True, check=True)
        self.assertNotIn("disk_cache", script_flags.stdout)

    def test_forgets_what_nobody_reads(self):
        cache = self.cache()
        for name, age in (("old", 20), ("new", 1)):
            path = os.path.join(cache, name)
            with open(path, "w", encoding="utf-8"):
                pass
            os.utime(path, (time.time() - age * DAY, time.time() - age * DAY))
        self.cache()
        self.assertEqual(os.listdir(cache), ["new"])


if __name__ == "__main__":
    unittest.main()
