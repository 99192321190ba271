#!/usr/bin/env python3
"""Writes a request file in the public Sparse-DySta benchmark's layout (docs/simulate.md) over a folder of traces: Poisson
arrivals, models, samples and priorities equally likely, bounds a multiple of what a pattern takes alone on average."""
import argparse
import csv
import pathlib
import random
import sys


def sanger_latency(density, load_balance):
    """Seconds of a layer on the Sanger accelerator, as docs/simulate.md's source models it."""
    subrows = density / load_balance / 0.25 * 512
    linear = 512 * 768 * 768 * 2 * 3 / 1e9 / 2048
    projection = 512 * 768 * 768 * 2 / 1e9 / (2048 / density * load_balance)
    return linear + subrows / 64 * (768 + 64 + subrows + 64) * 8 / 1e9 + projection


def isolated_times(path):
    """{sample: seconds of all its layers}."""
    times = {}
    for row in csv.DictReader(path.open()):
        latency = float(row["sim_lat"]) if "sim_lat" in row else sanger_latency(
            float(row["overall-sparsity"]), float(row["50%-skip"]))
        times[row["batch-indx"]] = times.get(row["batch-indx"], 0.0) + latency
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", type=pathlib.Path, help="folder with a <model>.csv each")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--load", type=float, default=0.85, help="work that arrives over what one processor can do")
    parser.add_argument("--slo", type=float, default=10, help="latency bound in average isolated times")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    models = {path.stem: isolated_times(path) for path in sorted(options.traces.glob("*.csv"))}
    if not models:
        sys.exit(f"{options.traces}: has no <model>.csv")
    mean = {model: sum(times.values()) / len(times) for model, times in models.items()}
    rate = options.load / (sum(mean.values()) / len(mean))
    samples = {model: list(times) for model, times in models.items()}
    names = list(models)
    rng = random.Random(options.seed)
    print("arrival_s,model,sample,priority,slo_s")
    now = 0.0
    for _ in range(options.requests):
        now += rng.expovariate(rate)
        model = rng.choice(names)
        print(f"{now!r},{model},{rng.choice(samples[model])},{rng.choice((1, 3, 9))},{options.slo * mean[model]!r}")


if __name__ == "__main__":
    main()
