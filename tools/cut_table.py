#!/usr/bin/env python3
"""Cuts every model below some folders into 2, 3 and 4 parts and prints one table of how the chains do.

  tools/cut_table.py MODELS... [--parts 2,3,4] [--bench 15] [--keep FOLDER] [--shape NAME=1,3,224,224]

MODELS are model files (.xml, .onnx) or folders of them. Each line is one run of `sparseloom cut --json`; with --keep the
JSON files stay in FOLDER, and a second call runs only what is missing there. Exit status 1 if a run failed or its chain
was not within its bound.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile


def models_below(paths):
    for path in map(pathlib.Path, paths):
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.suffix in (".xml", ".onnx"))
        else:
            yield path


def cut(options, model, parts, folder):
    """The JSON of one run, or the reason why there is none."""
    kept = folder / f"{model.name}.{parts}.json"
    if not kept.exists():
        command = [options.binary, "cut", str(model), "--parts", str(parts), "--json", str(kept), "--bench", str(options.bench),
                   "--threads", str(options.threads)]
        for shape in options.shape:
            command += ["--shape", shape]
        done = subprocess.run(command, capture_output=True, text=True)
        if not kept.exists():
            return done.stderr.strip() or f"exit status {done.returncode}"
    return json.loads(kept.read_text())


def row(model, parts, found):
    cuts = " / ".join(f"{len(c['tensors'])}·{c['bytes'] / 1024:.0f}" for c in found["cuts"])
    work = [piece["work"] for piece in found["pieces"]]
    shares = " ".join(f"{100 * w / sum(work):.0f}" for w in work) if sum(work) else "-"
    wall, cpu = found.get("latency_ratio"), found.get("cpu_ratio")
    ratio = lambda q: f"{q['median']:.3f} [{q['q1']:.3f}, {q['q3']:.3f}]" if q else "-"
    difference = "0" if found["bit_identical"] else f"{found['max_rel_diff']:.2g}"
    return [model.name, str(parts), cuts, shares, difference, ratio(wall), ratio(cpu)]


def print_table(header, rows):
    widths = [max(len(r[i]) for r in [header, *rows]) for i in range(len(header))]
    for r in [header, ["-" * w for w in widths], *rows]:
        print("| " + " | ".join(cell.ljust(w) for cell, w in zip(r, widths)) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--parts", default="2,3,4")
    parser.add_argument("--bench", type=int, default=15, help="interleaved rounds per model")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--shape", action="append", default=[], help="passed on to every run")
    parser.add_argument("--keep", type=pathlib.Path, help="folder for the JSON files")
    parser.add_argument("--binary", default="build/release/bin/sparseloom")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or pathlib.Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows, failures, ratios, cpu = [], [], [], []
        for model in models_below(options.models):
            for parts in map(int, options.parts.split(",")):
                found = cut(options, model, parts, folder)
                if isinstance(found, str):
                    failures.append(f"{model.name}, {parts} parts: {found}")
                    continue
                rows.append(row(model, parts, found))
                if found["max_rel_diff"] > found["max_rel_diff_bound"]:
                    failures.append(f"{model.name}, {parts} parts: max_rel_diff {found['max_rel_diff']:.3g}")
                if found.get("latency_ratio"):
                    ratios.append(found["latency_ratio"]["median"])
                if found.get("cpu_ratio"):
                    cpu.append(found["cpu_ratio"]["median"])
    print_table(["model", "S", "tensors·KiB per cut", "work %", "max_rel_diff", "chain / whole", "of the thread's own time"], rows)
    if ratios:
        print(f"\nchain / whole: median of the medians {statistics.median(ratios):.3f}, largest {max(ratios):.3f}"
              + (f"; of the thread's own time {statistics.median(cpu):.3f}, {max(cpu):.3f}" if cpu else ""))
    for failure in failures:
        print(f"FAILED {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
