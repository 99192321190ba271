#!/usr/bin/env python3
"""Prints what `sparseloom profile` keeps while a neighbour spins on one core, compared with a quiet profile.

Profiles a task's latencies three times into databases of their own: quiet, beside a process that spins on one core, quiet
again. Of the latencies that the second run does not mark as measured on a busy machine, the median ratio to the mean of the quiet
ones may be off by at most 10 %. Exit status: 0 if so (or all are marked), 1 if not or if the machine itself moved by more between
the quiet runs, in which case nothing can be said: run it again on a quiet machine."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "build/release/bin/sparseloom"
ALLOWED = 0.10


def profile(program, task, folder, name):
    """{(variant, stage, processor, provider): (median in ms, whether it is marked)}"""
    report = folder / f"{name}.json"
    subprocess.run([program, "profile", "--latency", "--task", task, "--database", folder / f"{name}.sqlite", "--json", report],
                   check=True, stdout=subprocess.DEVNULL)
    document = json.loads(report.read_text())
    rows = next(row for row in document["tasks"] if row["task"] == task)["subgraphs"]
    return {(r["variant"], r["stage"], r["processor"], r["provider"]): (r["median_ms"], r["disturbed"]) for r in rows}


def beside_neighbour(core, measure):
    """measure() while another process spins on `core`."""
    spin = [sys.executable, "-c", f"import os\nos.sched_setaffinity(0, {{{core}}})\nwhile True: pass"]
    with subprocess.Popen(spin) as neighbour:
        try:
            return measure()
        finally:
            neighbour.kill()


def summary(quiet, busy, after):
    """What the runs say: marked, unmarked, and median ratios less 1 of busy to quiet (None: all marked) and quiet to quiet."""
    ratios = [busy[k][0] / statistics.mean((quiet[k][0], after[k][0])) for k in busy if not busy[k][1]]
    return {"marked": len(busy) - len(ratios),
            "unmarked": len(ratios),
            "off": statistics.median(ratios) - 1 if ratios else None,
            "moved": statistics.median(after[k][0] / quiet[k][0] for k in quiet) - 1}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=PROGRAM, type=pathlib.Path)
    parser.add_argument("--task", default="image")
    parser.add_argument("--core", type=int, default=min(os.sched_getaffinity(0)), help="where the neighbour spins")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        quiet = profile(options.program, options.task, folder, "quiet")
        busy = beside_neighbour(options.core, lambda: profile(options.program, options.task, folder, "busy"))
        after = profile(options.program, options.task, folder, "after")
    result = summary(quiet, busy, after)
    print(f"task {options.task}, a neighbour spins on core {options.core}: {result['marked']} latencies marked, "
          f"{result['unmarked']} not")
    if result["off"] is not None:
        print(f"those not marked are off by {100 * result['off']:+.1f} % in the median (allowed: {100 * ALLOWED:.0f} %)")
    print(f"the quiet profiles before and after differ by {100 * result['moved']:+.1f} %")
    if abs(result["moved"]) > ALLOWED:
        print("the machine itself moved: nothing can be said")
        return 1
    return 0 if result["off"] is None or abs(result["off"]) <= ALLOWED else 1


if __name__ == "__main__":
    sys.exit(main())
