"""Runs the benchmarks and prints one table. Called by ops/bench with the folder of the binaries; the working folder is the workspace."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

PIPELINE = "stages/property/property.textproto"
PIPELINE_WITHOUT_STORE = "stages/property/property_without_store.textproto"
RUNS = 5
# Of the standard pipeline: 21,613 sales, 20,680 permits and 20,000 generated records. Ten times as many: the rest is generated.
ONCE = 62293
TENFOLD_GENERATED = 10 * ONCE - (ONCE - 20000)


def google_benchmark(binary, *arguments):
    """The benchmarks of one binary, by name; each is run five times and the medians are returned."""
    out = subprocess.run(
        [binary, "--benchmark_format=json", "--benchmark_repetitions=%d" % RUNS, "--benchmark_report_aggregates_only=true", *arguments],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return {b["run_name"]: b for b in json.loads(out)["benchmarks"] if b["aggregate_name"] == "median"}


def run_pipeline(millrace, pipeline, *arguments):
    """One run in a folder of its own: (its JSON, CPU seconds, peak resident MiB)."""
    folder = tempfile.mkdtemp(prefix="millrace-bench.")
    try:
        process = subprocess.Popen([millrace, "run", pipeline, "--out", folder + "/out", "--format=json", *arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit("ops/bench: millrace run %s ended with status %d" % (pipeline, os.waitstatus_to_exitcode(status)))
        return json.loads(out), usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    finally:
        shutil.rmtree(folder)


def line(what, figure, goal="", kept=True):
    """A line of the table. What must be, and is not, says so."""
    return ("  %-66s %22s   %s%s" % (what, figure, goal, "" if kept else "  MISSED")).rstrip()


def row(what, figure, goal="", kept=True):
    print(line(what, figure, goal, kept), flush=True)


def bus_lines(found):
    for name, b in found.items():
        figures = [(b[key], form) for key, form in (("ns/msg", "%.1f ns"), ("x_ring", "%.2f x ring"), ("new/msg", "%.3f new")) if key in b]
        figure = ", ".join(form % value for value, form in figures)
        if name.startswith("MemoryBusLog") and "x_ring" in b:
            yield line(name, figure, "must at most 4 x ring, goal 2", b["x_ring"] <= 4)
        else:
            yield line(name, figure)


def bus_rows(binary):
    print("\nEmbedded bus, one thread, 256-byte bodies, batches of 64, window in cache", flush=True)
    for text in bus_lines(google_benchmark(binary)):
        print(text, flush=True)


def worker_rows(binary):
    print("\nWorker: one pass-through stage on mem:, everything on one thread", flush=True)
    for b in google_benchmark(binary).values():
        alone = b["stage_messages_per_second"] / 1e6
        row("stage alone", "%.2f M messages/s" % alone, "must 2, goal 5", alone >= 2)
        row("with publishing the input and reading the output", "%.2f M messages/s" % (b["items_per_second"] / 1e6))
        row("operator new in bus, worker and runner, messages 10^5 to 10^6", "%d calls" % b["allocations"], "goal 0")


def stage_rows(binary):
    print("\nStages of the property pipeline, one core", flush=True)
    for name, b in google_benchmark(binary).items():
        row(name, "%.0f k records/s" % (b["items_per_second"] / 1e3) if "items_per_second" in b else "%.1f %s" % (b["cpu_time"], b["time_unit"]))


def pipeline_rows(millrace):
    print("\nPipeline over the real feeds and 20,000 generated records, %d cores, median of %d runs" % (len(os.sched_getaffinity(0)), RUNS), flush=True)
    for what, pipeline, goal in (("without the store", PIPELINE_WITHOUT_STORE, "goal 100 k/s"), ("with the store", PIPELINE, "goal 50 k/s")):
        runs = [run_pipeline(millrace, pipeline) for _ in range(RUNS)]
        for result, _, _ in runs:
            if result["lost"] != 0 or result["accepted"] != ONCE:
                sys.exit("ops/bench: %s: accepted %d, lost %d" % (pipeline, result["accepted"], result["lost"]))
        rate = statistics.median(r["accepted"] / r["elapsed_seconds"] for r, _, _ in runs)
        cpu = statistics.median(cpu / r["accepted"] for r, cpu, _ in runs)
        row(what, "%.1f k records/s" % (rate / 1e3), goal)
        row(what + ", processor time for each record", "%.1f us" % (cpu * 1e6))
    once = run_pipeline(millrace, PIPELINE)
    tenfold = run_pipeline(millrace, PIPELINE, "--input", "generate=%d" % TENFOLD_GENERATED)
    row("peak memory, %d records" % once[0]["accepted"], "%.0f MiB" % once[2])
    row("peak memory, %d records" % tenfold[0]["accepted"], "%.0f MiB" % tenfold[2], "goal: the same")


def simulator_lines(found):
    for name, b in found.items():
        events, seeds = b["broker_events_per_second"] / 1e6, b["seeds_per_second"]
        what, figure = name.split("/")[-1].replace("_", " "), "%.2f M events/s, %.0f seeds/s" % (events, seeds)
        if "crashes" in name:
            yield line(what, figure, "must 1 M and 1,000; goal 5 M and 5,000", events >= 1 and seeds >= 1000)
        else:
            yield line(what, figure)
    few, many = found["Seeds/log_100_jobs"], found["Seeds/log_100000_jobs"]
    ratio = few["broker_events_per_second"] / many["broker_events_per_second"]
    yield line("an event's cost at 100,000 jobs, beside that at 100", "%.2f x" % ratio, "must at most 2 x", ratio <= 2)


def simulator_rows(binary):
    print("\nSimulator, one core: one-stage pipeline, real worker, all checkers, each seed also without its faults", flush=True)
    for text in simulator_lines(google_benchmark(binary)):
        print(text, flush=True)


def main():
    binaries = sys.argv[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bus_rows(binaries + "/bus/memory/memory_benchmark")
    worker_rows(binaries + "/stages/worker_benchmark")
    stage_rows(binaries + "/stages/property/property_benchmark")
    simulator_rows(binaries + "/sim/simulator_benchmark")
    pipeline_rows(binaries + "/ops/millrace")


if __name__ == "__main__":
    main()
