"""Runs programs with planted bugs and prints a table. Called by ops/planted: FOLDER SEARCHES NAME...; the working folder is the workspace."""

import json
import subprocess
import sys
import time

EFFECTIVE_GOAL = 200  # effective seeds until the bug is found, median
FAULTS_GOAL = 3       # in the plan after shrinking, median
JOBS_GOAL = 10
TIME_MAX = 1800       # seconds for one program


def searched(folder, name, searches):
    """The program's line, or one that says that there is none."""
    process = subprocess.run([folder + "/" + name, "--searches", str(searches)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             timeout=TIME_MAX, check=False)
    lines = process.stdout.strip().split("\n")
    if process.returncode > 1 or process.returncode < 0 or not lines[-1].startswith("{"):
        return {"bug": name, "found": 0, "searches": searches, "error": (process.stderr.strip().split("\n") or [""])[-1]}
    return json.loads(lines[-1])


def within_goals(line):
    return (line["found"] == line["searches"] and line["effective"] <= EFFECTIVE_GOAL and line.get("faults", 0) <= FAULTS_GOAL
            and line.get("jobs", 0) <= JOBS_GOAL)


def row(line):
    if "error" in line:
        return "%-34s ended without a result: %s" % (line["bug"], line["error"])
    failures = sorted(line["failures"].items(), key=lambda item: -item[1])
    return "%-34s %3d/%-3d %6d %6d %6d %7s %6s %6s %8s  %s%s" % (
        line["bug"], line["found"], line["searches"], line["seeds"], line["effective"], line["effective_most"], line.get("faults", "-"),
        line.get("jobs", "-"), line.get("records", "-"), line.get("shrink_runs", "-"), failures[0][0] if failures else "not found",
        "" if within_goals(line) else "   <-- not within goals")


def main(folder, searches, names):
    print("%-34s %7s %6s %6s %6s %7s %6s %6s %8s  %s" % ("", "found", "seeds", "effect", "most", "faults", "jobs", "record", "runs", "mostly by"))
    begin, lines = time.monotonic(), []
    for name in names:
        lines.append(searched(folder, name, searches))
        print(row(lines[-1]), flush=True)
    missed = [line["bug"] for line in lines if not within_goals(line)]
    print("\nMedians of %d searches each: seeds tried until the bug was found, effective ones among them (a fault fired while work was in flight;\n"
          "goal %d; most: in any search), then the failing plan after shrinking: faults (goal %d), jobs (goal %d), records of its history, runs spent."
          % (searches, EFFECTIVE_GOAL, FAULTS_GOAL, JOBS_GOAL))
    print("%d of %d bugs found within goals, in %.0f s." % (len(lines) - len(missed), len(lines), time.monotonic() - begin))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
