"""Processes of the pipeline, and which of their ends are nobody's fault but this script's."""

import signal
import subprocess
import time

# Of `work`: --drain-seconds, and what it may take beyond that to leave a group whose coordinator is silent (docs/guides/kafka.md).
DRAIN_SECONDS = 10
END_SECONDS_MAX = DRAIN_SECONDS + 16 + 10
# How long after a broker's return a worker may still end because it could not be reached.
BROKER_GRACE_SECONDS = 5.0
ENVIRONMENT = 3
AT_WORK = "at work on"
# What a worker says, with exit code 3, when the broker has refused its last settlements: not lost, and not settled either. Amid work that may be; not once all
# is settled.
LEFT_UNSETTLED = "closed before the broker had taken every settlement"
LAST_WORDS = 1500


def unexpected(code, sent, at_work, broker_away, left_unsettled=False):
    """Why a worker should not have ended with that code; None where it may. `sent`: the signals that it was sent."""
    if code == ENVIRONMENT and signal.SIGTERM in sent and left_unsettled:
        return None
    if code == -signal.SIGKILL and signal.SIGKILL in sent:
        return None
    if code == 0 and signal.SIGTERM in sent:
        return None
    # Before it listens for signals, or while it makes its connections.
    if not at_work and signal.SIGTERM in sent and code in (-signal.SIGTERM, ENVIRONMENT):
        return None
    if code == ENVIRONMENT and broker_away:
        return None
    why = f"ended with {code}, and was sent {', '.join(signal.Signals(s).name for s in sent) or 'no signal'}"
    return why if code != ENVIRONMENT else why + ", and nothing was done to the broker"


class Outages:
    """When something was done to the broker."""

    def __init__(self):
        self.times = []

    def __enter__(self):
        self.times.append([time.monotonic(), float("inf")])

    def __exit__(self, *_):
        self.times[-1][1] = time.monotonic()

    def touch(self, begin, end):
        return any(first <= end and begin <= last + BROKER_GRACE_SECONDS for first, last in self.times)


class Worker:
    """One process of the pipeline, as often as it takes."""

    def __init__(self, name, command, folder):
        self.name = name
        self.command = command
        self.folder = folder
        self.process = None
        self.starts = 0
        self.sent = []
        self.judged = True
        self.idle = False  # all was settled before it was asked to end
        self.seen = 0.0  # alive

    @property
    def process_name(self):
        return f"{self.name}.{self.starts}"

    @property
    def log(self):
        return self.folder / f"{self.process_name}.log"

    def start(self):
        self.starts += 1
        self.sent = []
        self.judged = False
        self.seen = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([*self.command, "--name", self.process_name], stdout=log, stderr=log)

    def alive(self):
        if self.process is None or self.process.poll() is not None:
            return False
        self.seen = time.monotonic()
        return True

    def send(self, what):
        """Whether there was anybody to send it to."""
        if not self.alive():
            return False
        self.sent.append(what)
        self.process.send_signal(what)
        return True

    def failure(self, outages):
        """Once it has ended, and once only: what is wrong with that; None where nothing is."""
        if self.judged:
            return None
        self.judged = True
        words = self.log.read_text(encoding="utf-8", errors="replace")
        away = outages.touch(self.seen, time.monotonic())
        why = unexpected(self.process.returncode, [s for s in self.sent if s != signal.SIGCONT], AT_WORK in words, away, LEFT_UNSETTLED in words and not self.idle)
        return why and f"worker {self.process_name} {why}; its last words:\n{words[-LAST_WORDS:]}"

    def end(self, outages, idle):
        """Asks it to end, waits, and says what is wrong with how it did. `idle`: all is settled."""
        self.idle = idle
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        if self.process is None:
            return None
        try:
            self.process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.judged = True
            self.process.kill()
            self.process.wait()
            return f"worker {self.process_name} has not ended within {END_SECONDS_MAX} s after SIGTERM"
        return self.failure(outages)
