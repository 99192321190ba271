#!/usr/bin/env python3
"""Prints the ratio of every cost that `sparseloom bench` measures to what it was in another revision.

The revision is checked out into build/base and built there; then both programs run the given benches, taking turns, and for
every cost the medians over rounds and the ratio this / base with its quartiles are printed. `make bench-compare` runs it for the
benches of `make bench`. Costs are the medians in the benches' JSON and the numbers whose keys end in a unit of time or memory;
those that are the same in every run are only counted, and so are those that are missing or 0 in any."""
import argparse
import contextlib
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile

MEDIANS = ("median", "p50")
UNITS = ("_s", "_ms", "_us", "_seconds", "_bytes")
PROGRAM = "build/release/bin/sparseloom"


def fail(message, status=1):
    print(f"bench_compare: {message}", file=sys.stderr)
    sys.exit(status)


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "nothing was said"


def labels(rows):
    """What tells the elements of a list apart: the first entry of each, if that does, else their numbers."""
    first = [next(((k, v) for k, v in row.items() if not isinstance(v, (dict, list))), None) if isinstance(row, dict) else None
             for row in rows]
    if None in first or len(set(first)) < len(first):
        return [str(i) for i in range(len(rows))]
    return [f"{key}={value}" for key, value in first]


def costs(document, path=""):
    """{path: number} of the costs in a bench's JSON."""
    found = {}
    if isinstance(document, list):
        for label, element in zip(labels(document), document):
            found |= costs(element, f"{path}[{label}]")
    if isinstance(document, dict):
        for key, value in document.items():
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if is_number and key in MEDIANS:
                found[path] = value
            elif is_number and key.endswith(UNITS):
                found[f"{path}.{key}".lstrip(".")] = value
            elif isinstance(value, (dict, list)):
                found |= costs(value, f"{path}.{key}".lstrip("."))
    return found


def has_bench(program, name):
    listed = subprocess.run([program, "bench", "--help"], capture_output=True, text=True, check=False).stdout
    return re.search(rf"^\s*{re.escape(name)}\s", listed, re.MULTILINE) is not None


def run_bench(program, words):
    """(costs, None), or (None, why not)."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "bench.json")
        done = subprocess.run([program, "bench", *words, "--json", file], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return None, last_line(done.stderr)
        return costs(json.loads(file.read_text())), None


def quartiles(values):
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def compare(programs, bench, rounds):
    """Prints the table of one bench; `programs` are the base's and ours."""
    words = shlex.split(bench)
    print(f"\nbench {bench}")
    if not has_bench(programs[0], words[0]):
        print("  the base has no such bench: skipped")
        return
    runs = ([], [])
    for number in range(rounds):
        for which in ((0, 1) if number % 2 == 0 else (1, 0)):
            print(f"round {number + 1} of {rounds}: bench {bench}, {('base', 'this')[which]}", file=sys.stderr, flush=True)
            figures, problem = run_bench(programs[which], words)
            if figures is None and which == 1:
                fail(f"bench {bench}: {problem}")
            if figures is None:
                print(f"  the base does not run it: skipped ({problem})")
                return
            runs[which].append(figures)
    rows, equal, left_out = [], 0, 0
    for path in dict.fromkeys(path for run in (*runs[1], *runs[0]) for path in run):
        base, ours = ([run.get(path) for run in side] for side in runs)
        if None in base or None in ours or min(base) <= 0 or min(ours) <= 0:
            left_out += 1  # some run does not measure it, or there is nothing to divide by
            continue
        if len(set(base + ours)) == 1:
            equal += 1
            continue
        low, middle, high = quartiles([b / a for a, b in zip(base, ours)])
        rows.append((path, f"{statistics.median(base):.4g}", f"{statistics.median(ours):.4g}",
                     f"{middle:.3f} [{low:.3f}..{high:.3f}]"))
    header = ("figure", "base", "this", "this / base [quartiles]")
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        print("  " + row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:])), sep="  ")
    if equal:
        print(f"  {equal} more are the same in every run")
    if left_out:
        print(f"  {left_out} left out: missing or 0 in some run")
    sys.stdout.flush()


def git(root, *words):
    return subprocess.run(["git", "-C", root, *words], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def built(root, revision, jobs):
    """The program of a revision, built in a worktree that is removed afterwards."""
    commit = git(root, "rev-parse", "--verify", "--quiet", revision + "^{commit}").stdout.strip()
    if not commit:
        fail(f"--base {revision}: no such revision; a commit, a branch, a tag or HEAD~n is allowed", 2)
    source = root / "build/base"
    git(root, "worktree", "remove", "--force", source)  # of a run that was killed
    added = git(root, "worktree", "add", "--detach", "--force", source, commit)
    if added.returncode != 0:
        fail(f"--base {revision}: {last_line(added.stderr)}")
    try:
        if (root / ".venv").exists():
            os.symlink(root / ".venv", source / ".venv")
        print(f"building {git(root, 'log', '-1', '--format=%h %s', commit).stdout.strip()}", file=sys.stderr, flush=True)
        programs = ["sparseloom", *(["sparseloom-bench"] if (source / "bench").is_dir() else [])]  # before, they were one
        for words in (["cmake", "--preset", "release"],
                      ["cmake", "--build", "--preset", "release", "-j", str(jobs), "--target", *programs]):
            done = subprocess.run(words, cwd=source, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                log = root / "build/base.log"
                log.write_text(done.stdout + done.stderr)
                fail(f"--base {revision}: does not build ({' '.join(words)}); what was said is in {log}")
        yield source / PROGRAM
    finally:
        git(root, "worktree", "remove", "--force", source)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="+", metavar="BENCH", help="a part of `sparseloom bench` with its options, in quotes")
    parser.add_argument("--base", default="HEAD~1", help="revision to compare with (default: HEAD~1)")
    parser.add_argument("--base-program", type=pathlib.Path, help="a program that is built already, instead of a revision")
    parser.add_argument("--program", type=pathlib.Path, help=f"ours (default: {PROGRAM})")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program (default: 3)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="of the build")
    options = parser.parse_args()
    if options.rounds < 1:
        fail(f"--rounds: {options.rounds}; at least 1", 2)
    top = git(pathlib.Path.cwd(), "rev-parse", "--show-toplevel").stdout.strip()
    if not top and options.base_program is None:
        fail(f"--base: {pathlib.Path.cwd()} is in no git repository", 2)
    root = pathlib.Path(top or ".")
    ours = options.program or root / PROGRAM
    for option, program in (("--program", ours), ("--base-program", options.base_program)):
        if program is not None and not os.access(program, os.X_OK):
            fail(f"{option}: {program}: no such program; `make build` makes ours")
    base = (contextlib.nullcontext(options.base_program) if options.base_program
            else built(root, options.base, options.jobs))
    with base as program:
        for bench in options.benches:
            compare((program.resolve(), ours.resolve()), bench, options.rounds)


if __name__ == "__main__":
    main()
