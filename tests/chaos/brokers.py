"""A broker of our own, by the script that users start theirs with, and what its clients are asked to wait for."""

import os
import pwd
import re
import subprocess
import sys
import time

# How often a broker that does not start again is asked to, a second apart.
RESTARTS = 10
# How long one of three brokers stays away.
ONE_AWAY_SECONDS = 4.0
# How long an alarm holds up whoever publishes.
ALARM_SECONDS = 4.0
# No call of the script takes longer, but the first, which may have to download.
CALL_SECONDS_MAX = 200.0
FIRST_SECONDS_MAX = 900.0


class Patience:
    """How long the broker waits for a client that has gone silent, and how long one has to stand still to be a zombie."""

    def __init__(self, kafka, asked):
        # Shorter than users have it, so that others take over while a worker stands still.
        name, usual = ("session.timeout.ms", "4000") if kafka else ("heartbeat", "2")
        given = dict(one.partition("=")[::2] for one in asked.split("&") if one)
        given.setdefault(name, usual)
        self.parameters = "&".join(f"{key}={value}" for key, value in given.items())
        # A session of a Kafka ends a time-out after the last beat; a RabbitMQ closes after two or three beats that have not come. Then the others have to
        # share out what was held.
        self.zombie_seconds = 2 * float(given[name]) / 1000 + 1 if kafka else 3 * float(given[name]) + 2


class Broker:
    def __init__(self, script, folder, port, count):
        self.script = script
        self.count = count
        self.arguments = ["--dir", str(folder)]
        several = ["--brokers" if "kafka" in str(script) else "--nodes", str(count)] if count > 1 else []
        started = self.call("start", "--port", str(port), *several, seconds=FIRST_SECONDS_MAX)
        self.url = re.search(r"^\S+://\S+", started, re.MULTILINE).group(0)

    def call(self, verb, *more, may_fail=False, seconds=CALL_SECONDS_MAX):
        # Downloads are among the user's files, and a test is told of no home.
        environment = {"HOME": pwd.getpwuid(os.getuid()).pw_dir, **os.environ}
        try:
            result = subprocess.run([self.script, verb, *self.arguments, *more], env=environment, capture_output=True, text=True, check=False, timeout=seconds)
        except subprocess.TimeoutExpired as late:
            if may_fail:
                return None
            sys.exit(f"{self.script} {verb} has not ended within {seconds:.0f} s:\n{late.stdout or ''}{late.stderr or ''}")
        if result.returncode != 0 and may_fail:
            return None
        if result.returncode != 0:
            sys.exit(f"{self.script} {verb} failed:\n{result.stdout}{result.stderr}")
        return result.stdout

    def restart(self, kill):
        self.call("stop", *(["--kill"] if kill else []))
        self.again("start")

    def one_away(self, number, kill):
        """One of several goes, and comes back."""
        self.call("stop", "--only", str(number), *(["--kill"] if kill else []))
        time.sleep(ONE_AWAY_SECONDS)
        # RabbitMQ's script has no word of its own for it: its start lets alone what runs.
        self.again(*(["resume", "--only", str(number)] if "kafka" in str(self.script) else ["start"]))

    def cut(self):
        """All connections of a RabbitMQ are closed by the server, amid whatever is on them."""
        self.call("ctl", "--", "close_all_connections", "chaos")

    def alarm(self):
        """A RabbitMQ runs out of memory, as it believes, and takes nothing from who publishes."""
        try:
            self.call("ctl", "--", "set_vm_memory_high_watermark", "absolute", "1")
            time.sleep(ALARM_SECONDS)
        finally:
            self.call("ctl", "--", "set_vm_memory_high_watermark", "0.4")

    def again(self, verb, *more):
        # One that was killed may hold its port for a moment.
        for left in range(RESTARTS, -1, -1):
            if self.call(verb, *more, may_fail=left > 0) is not None:
                return
            time.sleep(1)
