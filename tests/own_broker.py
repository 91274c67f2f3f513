"""A broker that a test starts for itself alone, by the script that users start theirs with."""

import os
import pathlib
import pwd
import re
import subprocess
import tempfile

import ports

# How often a port may be taken by somebody else between being found free and being listened on.
STARTS = 5
# The first start of a Kafka may have to download it.
START_SECONDS_MAX = 300.0


class OwnBroker:
    """Started for a class of tests, and stopped behind its last one: `url` as the script prints it, `port` as it was told, `folder` for its data."""

    def __init__(self, test_class, script, *arguments):
        folder = tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR"))
        test_class.addClassCleanup(folder.cleanup)
        # Downloads are among the user's files, and a test is told of no home.
        environment = {"HOME": pwd.getpwuid(os.getuid()).pw_dir, **os.environ}
        script = os.path.abspath(script)
        # Two tests begin at different ones, and all that the script derives from it is below what connections are given.
        self.port = 14000 + os.getpid() % 1500 * 10
        said = ""
        for turn in range(STARTS):
            self.port = ports.free_port(self.port + 10 * (turn > 0))
            # A server's data belong to its port.
            self.folder = pathlib.Path(folder.name) / f"server-{turn}"
            where = ["--dir", str(self.folder)]
            test_class.addClassCleanup(subprocess.run, [script, "stop", "--kill", *where], env=environment, check=False, capture_output=True)
            started = subprocess.run([script, "start", *arguments, "--port", str(self.port), *where], env=environment, capture_output=True, text=True,
                                     check=False, timeout=START_SECONDS_MAX)
            if started.returncode == 0:
                self.url = re.search(r"^\S+://\S+$", started.stdout, re.MULTILINE).group(0)
                return
            said += started.stdout + started.stderr
        raise AssertionError(said)
