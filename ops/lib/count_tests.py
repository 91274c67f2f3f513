"""Counts test targets in the build event files that `bazel test --build_event_json_file` writes.

Usage: count_tests.py STEP=FILE=STATUS...
  STEP    what the step is called, FILE its build events (may be missing), STATUS bazel's exit status.

Prints a line for each test that did not pass, with the end of its log, and as its last line `N passed, N failed`. A target counts once for each step. What was asked for
and has no result (not built, not run, timed out, flaky) has failed; so has a step that failed, or ran nothing, without a target to blame.
Exit status: 0 when something passed and nothing failed, else 1.
"""

import json
import os
import sys
import urllib.parse

# Of so many failed tests the log's last lines are printed again: who sees only the end of CI's output sees why.
TOLD_TESTS = 6
TOLD_LINES = 40
TOLD_BYTES = 64 << 10
TOLD_WIDTH = 1000


def events(path):
    """The events in a file; a line cut short (a killed build) ends it."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                return


def results(path):
    """Maps the label of each test target that the build was asked to run to its status."""
    statuses = {}
    for event in events(path):
        identity = event.get("id", {})
        # Told for each target at analysis; only tests have a size.
        if "targetConfigured" in identity and event.get("configured", {}).get("testSize"):
            statuses.setdefault(identity["targetConfigured"]["label"], "NOT RUN")
        # Told for each target when it is built: failed ones are never summarised.
        elif "targetCompleted" in identity:
            label = identity["targetCompleted"]["label"]
            if label in statuses and not event.get("completed", {}).get("success") and statuses[label] == "NOT RUN":
                statuses[label] = "NOT BUILT"
        elif "testSummary" in identity:
            label = identity["testSummary"]["label"]
            statuses[label] = event.get("testSummary", {}).get("overallStatus", "NO STATUS")
    return statuses


def logs(path):
    """Maps the label of each test to the log of its last run that did not pass."""
    found = {}
    for event in events(path):
        identity = event.get("id", {}).get("testResult")
        result = event.get("testResult", {})
        if identity is None or result.get("status") == "PASSED":
            continue
        for output in result.get("testActionOutput", []):
            address = urllib.parse.urlparse(output.get("uri", ""))
            if output.get("name") == "test.log" and address.scheme == "file":
                found[identity["label"]] = urllib.parse.unquote(address.path)
    return found


def last_lines(path):
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TOLD_BYTES))
            return file.read().decode("utf-8", errors="replace").splitlines()[-TOLD_LINES:]
    except OSError as error:
        return [f"no log: {error.strerror}"]


def main(arguments):
    passed = failed = told = 0
    for argument in arguments:
        step, rest = argument.split("=", 1)
        path, status = rest.rsplit("=", 1)
        statuses = results(path)
        bad = {label: s for label, s in statuses.items() if s != "PASSED"}
        passed += len(statuses) - len(bad)
        failed += len(bad)
        kept = logs(path) if bad else {}
        for label, s in sorted(bad.items()):
            print(f"{step}: {label}: {s}")
            if label in kept and told < TOLD_TESTS:
                told += 1
                print("".join(f"  | {line[:TOLD_WIDTH]}\n" for line in last_lines(kept[label])), end="")
        if not bad and (status != "0" or not statuses):
            failed += 1
            print(f"{step}: " + (f"bazel failed with status {status}" if status != "0" else "no tests ran"))
    print(f"{passed} passed, {failed} failed")
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
