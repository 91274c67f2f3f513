"""Runs programs with planted bugs and prints a table. Called by ops/planted: FOLDER SEARCHES NAME...; the working folder is the workspace."""

import concurrent.futures
import json
import os
import subprocess
import sys
import time

EFFECTIVE_GOAL = 200  # effective seeds until the bug is found, median
FAULTS_GOAL = 3       # in the plan after shrinking, median
MESSAGES_GOAL = 10    # in its run, those that stages made included, median
RUNS_GOAL = 20000     # spent on shrinking, at most
TIME_MAX = 1800       # seconds for one program


def searched(folder, name, searches):
    """The program's line, or one that says that there is none."""
    try:
        process = subprocess.run([folder + "/" + name, "--searches", str(searches)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                 timeout=TIME_MAX, check=False)
    except subprocess.TimeoutExpired:
        return {"bug": name, "found": 0, "searches": searches, "error": "no end after %d s" % TIME_MAX}
    lines = process.stdout.strip().split("\n")
    if process.returncode > 1 or process.returncode < 0 or not lines[-1].startswith("{"):
        return {"bug": name, "found": 0, "searches": searches, "error": (process.stderr.strip().split("\n") or [""])[-1]}
    return json.loads(lines[-1])


def within_goals(line):
    return (line["found"] == line["searches"] and line["effective"] <= EFFECTIVE_GOAL and line.get("faults", 0) <= FAULTS_GOAL
            and line.get("messages", 0) <= MESSAGES_GOAL and line.get("shrink_runs_most", 0) <= RUNS_GOAL)


def row(line):
    if "error" in line:
        return "%-34s ended without a result: %s" % (line["bug"], line["error"])
    failures = sorted(line["failures"].items(), key=lambda item: -item[1])
    unexpected = ", %d unexpected" % line["unexpected"] if line["unexpected"] else ""
    return "%-34s %3d/%-3d %6d %6d %6d %7s %6s %8s %6s %8s  %s%s%s" % (
        line["bug"], line["found"], line["searches"], line["seeds"], line["effective"], line["effective_most"], line.get("faults", "-"),
        line.get("jobs", "-"), line.get("messages", "-"), line.get("records", "-"), line.get("shrink_runs", "-"),
        failures[0][0] if failures else "not found", unexpected, "" if within_goals(line) else "   <-- not within goals")


def main(folder, searches, names):
    print("%-34s %7s %6s %6s %6s %7s %6s %8s %6s %8s  %s" %
          ("", "found", "seeds", "effect", "most", "faults", "jobs", "messages", "record", "runs", "mostly by"))
    begin, lines = time.monotonic(), []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for line in pool.map(lambda name: searched(folder, name, searches), names):
            lines.append(line)
            print(row(line), flush=True)
    missed = [line["bug"] for line in lines if not within_goals(line)]
    print("\nFound: told under a promise that the bug's file names, with all promises checked. Medians of %d searches each: seeds tried until then,\n"
          "effective ones among them (a fault struck while accepted jobs were unfinished; goal %d; most: in any search), then the failing plan after shrinking:\n"
          "faults (goal %d), jobs, messages of its run (goal %d), records of its history, runs spent (at most %d)."
          % (searches, EFFECTIVE_GOAL, FAULTS_GOAL, MESSAGES_GOAL, RUNS_GOAL))
    print("%d of %d bugs found within goals, in %.0f s." % (len(lines) - len(missed), len(lines), time.monotonic() - begin))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
