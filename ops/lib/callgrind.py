"""Instructions of one run under callgrind: of each thread, and of functions with all that they call."""

import collections
import glob
import os
import re
import shutil
import subprocess
import tempfile

_NAME = re.compile(r"\((\d+)\)(?: (.*))?$")
_CALL = re.compile(r"calls=(\d+)")


class Profile:
    """Of one thread. Costs are instructions executed."""

    def __init__(self, lines):
        self.total = 0
        self.own = collections.Counter()  # function -> instructions in it
        self.calls = collections.Counter()  # (caller, callee) -> instructions in the callee and all that it calls
        self._names = {}
        self._read(lines)

    def _read(self, lines):
        function = callee = None
        called = False
        for line in lines:
            line = line.rstrip("\n")
            if line.startswith("fn="):
                function = self._name(line[3:])
            elif line.startswith("cfn="):
                callee = self._name(line[4:])
            elif line.startswith("calls="):
                called = True  # the next line has the cost of the call
            elif line[:1] in "0123456789+-*" and line[:1] != "":
                cost = int(line.split()[1])
                if called:
                    self.calls[function, callee] += cost
                else:
                    self.own[function] += cost
                    self.total += cost
                called = False

    def _name(self, text):
        # Names are written out once and then called by their number.
        match = _NAME.match(text)
        if match is None:
            return text
        number, name = match.groups()
        if name is not None:
            self._names[number] = name
        return self._names[number]

    def inside(self, *parts):
        """Instructions of what is called in functions whose name has one of the parts, from functions whose name has none."""
        matches = lambda name: any(part in name for part in parts)
        return sum(cost for (caller, callee), cost in self.calls.items() if matches(callee) and not matches(caller))


def profile(command, seconds=600):
    """Runs a program; a Profile of each thread that it had, the first one first, and what it printed. RuntimeError when it fails."""
    if shutil.which("valgrind") is None:
        raise RuntimeError("no valgrind, which counts instructions. Install it: sudo apt-get install valgrind")
    folder = tempfile.mkdtemp(prefix="millrace-callgrind.")
    try:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=" + os.path.join(folder, "out"), *command],
            capture_output=True, text=True, check=False, timeout=seconds)
        if done.returncode != 0:
            raise RuntimeError("%s ended with status %d under callgrind: %s" % (command[0], done.returncode, done.stderr[-2000:]))
        profiles = []
        for path in sorted(glob.glob(os.path.join(folder, "out-*"))):
            with open(path, encoding="utf-8", errors="replace") as file:
                profiles.append(Profile(file))
        return profiles, done.stdout
    finally:
        shutil.rmtree(folder)
