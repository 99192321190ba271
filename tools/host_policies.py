#!/usr/bin/env python3
"""Serves the demo workload on this machine under several scheduling policies and loads, taking turns.

Every task's requests arrive as a Poisson process; load 1 is the throughput that the plan is bound by. Prints, per load and
policy, medians over the repetitions: violations of either bound, ANTT (turnaround over the predicted time alone) and
throughput. What a decision costs: `sparseloom bench policies`."""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(program, *words):
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip() or f"{program} ended with status {done.returncode}")


def workload(tasks, rate, options, seed):
    arrivals = [{"task": task, "kind": "poisson", "rate_per_s": rate / len(tasks)} for task in tasks]
    return {"format_version": 1, "name": "policies", "slo_config": options.slo, "seed": seed,
            "duration_s": options.seconds, "arrivals": arrivals}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/sparseloom"))
    parser.add_argument("--policies", default="fcfs,edf,sjf,dysta,stretch")
    parser.add_argument("--loads", default="0.7,0.9,1.1")
    parser.add_argument("--slo", default="C5", help="SLO configuration")
    parser.add_argument("--seconds", type=float, default=5, help="of every run")
    parser.add_argument("--repetitions", type=int, default=3, help="each with arrivals of its own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file, report = pathlib.Path(folder) / "workload.json", pathlib.Path(folder) / "report.json"
        run(options.program, "plan", "--slo", options.slo, "--json", report)
        plan = json.loads(report.read_text())
        tasks, bound = [task["task"] for task in plan["tasks"]], plan["throughput_qps"]
        print(f"{len(tasks)} tasks at {options.slo}; load 1 = {bound:.0f} requests/s; medians of {options.repetitions} "
              f"runs of {options.seconds:g} s")
        print(f"{'load':>5} {'policy':<12} {'violations %':>12} {'ANTT':>7} {'requests/s':>11}")
        for load in map(float, options.loads.split(",")):
            found = {policy: [] for policy in options.policies.split(",")}
            for seed in range(options.repetitions):
                file.write_text(json.dumps(workload(tasks, load * bound, options, seed)))
                for policy in found:
                    run(options.program, "run", "--no-adapt", "--no-check", "--workload", file, "--policy", policy, "--json", report)
                    found[policy].append(json.loads(report.read_text())["systems"][0])
            for policy, systems in found.items():
                rate, antt, served = (statistics.median(s[key] for s in systems)
                                      for key in ("violation_rate", "antt", "throughput_qps"))
                print(f"{load:>5} {policy:<12} {100 * rate:>12.2f} {antt:>7.3f} {served:>11.1f}")


if __name__ == "__main__":
    main()
