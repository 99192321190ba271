#!/usr/bin/env python3
"""Tries sparseloom on ONNX models as they are found: cut, `zoo add`, and `run`, whose answers are compared with those of ONNX
Runtime on the same inputs.

Usage: try_models.py SPARSELOOM FOLDER [--json FILE]     (in .venv, which has onnxruntime and numpy)

Every *.onnx below FOLDER is tried, each in a zoo and cache of its own. Dynamic dimensions other than the batch get the first of a
few sizes that ONNX Runtime accepts. A model is fine if what it is served by agrees within 0.05 of the largest
number, or if it is refused in one line.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime

TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(int64)": np.int64,
         "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8, "tensor(bool)": np.bool_}
SIZES = [{4: 224, 3: 128, 2: 512, 1: 1}, {4: 320, 3: 1, 2: 512, 1: 1}, {4: 320, 3: 80, 2: 576, 1: 1}, {4: 640, 3: 76, 2: 16000, 1: 1}, {4: 64, 3: 16, 2: 128, 1: 1},
         {4: 48, 3: 100, 2: 256, 1: 1}]


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def made_up(spec, shape, random):
    kind = TYPES[spec.type]
    if np.issubdtype(kind, np.floating):
        return random.standard_normal(shape).astype(kind) * kind(0.5)
    if kind == np.bool_:
        return np.ones(shape, kind)
    if spec.name in ("sr", "sample_rate"):
        return np.full(shape, 16000, kind)
    return random.integers(0, 2, shape).astype(kind)


def inputs_that_run(session):
    """Inputs that ONNX Runtime accepts, and its answers."""
    last = None
    for sizes in SIZES:
        shapes = []
        for spec in session.get_inputs():
            dims = list(spec.shape)
            shapes.append([d if isinstance(d, int) else 1 if at == 0 else sizes.get(len(dims), 16) for at, d in enumerate(dims)])
        random = np.random.default_rng(0)
        try:
            feed = {spec.name: made_up(spec, shape, random) for spec, shape in zip(session.get_inputs(), shapes)}
            return feed, session.run(None, feed)
        except Exception as error:  # noqa: BLE001: whatever it says, other sizes are tried
            last = str(error).splitlines()[0]
    raise ValueError(last)


def sparseloom(program, arguments, folder, seconds=300):
    environment = dict(os.environ, SPARSELOOM_CACHE_DIR=str(folder / "cache"))
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=seconds, env=environment, cwd=folder)
    except subprocess.TimeoutExpired:
        return f"not done in {seconds} s"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit status {done.returncode} without a word"


def difference(ours, theirs):
    ours, theirs = np.asarray(ours, np.float64).ravel(), np.asarray(theirs, np.float64).ravel()
    if ours.size != theirs.size:
        return float("inf")
    largest = np.abs(theirs).max(initial=0)
    return float(np.abs(ours - theirs).max(initial=0) / (largest or 1))


def outputs_in(folder):
    return {f.name: np.load(f) for f in folder.glob("m.*.npy")}


def try_model(program, path):
    row = {"model": path.name, "package": path.parts[-2]}
    try:
        session = session_of(path)
    except Exception as error:  # noqa: BLE001
        row["onnxruntime"] = str(error).splitlines()[0]
        session = None
    feed = answers = None
    if session is not None:
        try:
            feed, answers = inputs_that_run(session)
        except (ValueError, KeyError) as error:
            row["onnxruntime"] = f"no inputs found: {error}"
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        shapes = []
        if feed is not None:
            for spec in session.get_inputs():
                dynamic = [at for at, d in enumerate(spec.shape) if not isinstance(d, int)]
                if dynamic and (dynamic != [0] or len(spec.shape) < 2):
                    shapes.append((spec.name, ",".join(map(str, feed[spec.name].shape))))
        flat = [x for name, shape in shapes for x in ("--shape", f"{name}={shape}")]
        row["cut"] = sparseloom(program, ["cut", str(path), "--parts", "3", *flat], folder)
        sparseloom(program, ["zoo", "init", "zoo"], folder)
        row["zoo add"] = sparseloom(program, ["zoo", "add", "m", str(path), "--zoo", "zoo", *flat], folder)
        arguments = ["run", "--model", f"m={path}", "--outputs", "out", "--no-check"]
        arguments += [x for name, shape in shapes for x in ("--shape", f"m.{name}={shape}")]
        if feed is not None:
            for at, (name, value) in enumerate(feed.items()):
                np.save(folder / f"in{at}.npy", value)
                arguments += ["--input", f"m.{name}=in{at}.npy" if len(feed) > 1 else f"m=in{at}.npy"]
        row["run"] = sparseloom(program, arguments, folder)
        if row["run"] is None and answers is not None:
            ours = list(outputs_in(folder / "out").values())
            unmatched, worst = list(answers), 0.0
            for one in ours:  # file names stand for outputs; match by the nearest of the same size
                near = sorted(range(len(unmatched)), key=lambda k: difference(one, unmatched[k]))
                worst = max(worst, difference(one, unmatched.pop(near[0])) if near else float("inf"))
            row["difference"] = worst if ours else float("inf")
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    program = str(pathlib.Path(arguments.program).resolve())
    rows = []
    for path in sorted(arguments.folder.rglob("*.onnx")):
        row = try_model(program, path.resolve())
        rows.append(row)
        served = "served" if row.get("run") is None else f"run: {row['run']}"
        print(f"{row['package']}/{row['model']}: {served}; differs by {row.get('difference', float('nan')):.1e}; "
              f"cut: {row['cut'] or 'ok'}; zoo add: {row['zoo add'] or 'ok'}"
              + (f"; ONNX Runtime: {row['onnxruntime']}" if "onnxruntime" in row else ""), flush=True)
    served = [r for r in rows if r.get("run") is None]
    apart = [r for r in served if not r.get("difference", 0) <= 0.05]
    print(f"{len(rows)} models of {len({r['package'] for r in rows})} folders: {len(served)} served, {len(apart)} of them differ by more "
          f"than 0.05, {sum(r['zoo add'] is None for r in rows)} in a zoo, {sum(r['cut'] is None for r in rows)} cut")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
