"""Who was a zombie, by what everybody has written down (sim/observed/process_log.h): one that stood still until others had what it held."""

import collections

Zombie = collections.namedtuple("Zombie", ["process", "stopped_ns", "woken_ns"])
# How soon one hears of it that has woken.
TOLD_NS = 2_000_000_000
# Behind the lines that tell which process it is of, which stage, and how many topics follow.
COUNT_AT = 3


def read_lines(path):
    """(process, stage, lines) of one history: the kind, the time and the first number of those lines that speak of who holds a partition."""
    with open(path, "rb") as history:
        head = [history.readline().decode().rstrip("\n") for _ in range(COUNT_AT + 1)]
        if not head[COUNT_AT].isdigit():
            return None, None, []
        for _ in range(int(head[COUNT_AT])):
            history.readline()
        lines = []
        for line in history:
            if line[:1] in b"arlxD" and line.endswith(b"\n"):
                kind, at, partition = line.split(b" ", 4)[:3]
                lines.append((kind.decode(), int(at), int(partition)))
        return head[1], head[2], lines


def lost(zombie, files):
    """Whether it lost a partition while it stood still; None where it held none. `files`: what read_lines gives, of all histories."""
    held, told = set(), False
    for process, stage, lines in files:
        if process != zombie.process:
            continue
        for kind, at, partition in lines:
            if at < zombie.stopped_ns:
                (held.add if kind in "aD" else held.discard if kind in "lx" else bool)((stage, partition))
            elif kind == "l" and (stage, partition) in held and at < zombie.woken_ns + TOLD_NS:
                told = True
    if not held:
        return None
    return told or any((stage, partition) in held and kind in "aD" and zombie.stopped_ns < at < zombie.woken_ns
                       for process, stage, lines in files if process != zombie.process
                       for kind, at, partition in lines)
