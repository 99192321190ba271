#!/usr/bin/env python3
"""Builds the demo zoo: trains each task's dense model, compresses it into ten
variants, and writes them in the zoo format. See README.md beside this file."""

import argparse
import hashlib
import json
import os
import pathlib
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent))  # for fetch_reviews, zoo_pack

import numpy as np  # noqa: E402
import torch  # noqa: E402

import compress  # noqa: E402
import variants  # noqa: E402
import zoo_pack  # noqa: E402
import zooformat  # noqa: E402
from fetch_reviews import write_atomically  # noqa: E402
from task_activity import ActivityTask  # noqa: E402
from task_image import ImageTask  # noqa: E402
from task_sentiment import SentimentTask  # noqa: E402
from task_speech import SpeechTask  # noqa: E402
from training import Tuning, log, train  # noqa: E402

TASKS = {t.name: t for t in (ImageTask, SentimentTask, ActivityTask, SpeechTask)}
PARTS = 3
CALIBRATION_SAMPLES = 200
HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def dense_key(task):
    """Names the trained dense model by all that shapes it, recipes left out."""
    digest = hashlib.sha256(f"{task.seed} {task.rate} {task.decay} {task.steps}".encode())
    for file in (HERE / f"task_{task.name}.py", HERE / "layers.py", HERE.parent / "fetch_reviews.py"):
        lines = file.read_text().split("    recipe = ")
        digest.update((lines[0] + lines[-1].partition("\n    )\n")[2]).encode())
    return digest.hexdigest()[:16]


def trained_dense(task, splits, cache):
    """The dense model, from the cache when the same sources trained it before."""
    torch.manual_seed(task.seed)
    model = task.model()
    path = cache / f"{task.name}-{dense_key(task)}.pt"
    if path.is_file():
        log(task, f"dense model from {path}")
        model.load_state_dict(torch.load(path, weights_only=True))
    else:
        train(task, model, splits, task.seed)
        temporary = path.with_suffix(f".{os.getpid()}")
        torch.save(model.state_dict(), temporary)
        os.replace(temporary, path)
    return model.eval()


def calibration_set(task, splits):
    """Train samples in stored form, for quantization."""
    inputs, _ = splits["train"]
    rng = np.random.default_rng(task.seed)
    chosen = [inputs[i] for i in rng.permutation(len(inputs))[:CALIBRATION_SAMPLES]]
    samples = task.augment(chosen, rng)
    full = splits["profile"][0].shape[1:]
    if samples.shape[1:] == full:
        return samples
    padded = np.zeros((len(samples), *full), dtype=samples.dtype)  # sentiment drops padding
    padded[:, : samples.shape[1]] = samples
    return padded


def build_task(task, out, cache):
    """Builds one task folder; it replaces the old one only when complete."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    cache.mkdir(parents=True, exist_ok=True)
    splits = task.load(cache)
    log(task, ", ".join(f"{name} {len(found[1])}" for name, found in splits.items()))
    dense = trained_dense(task, splits, cache)
    calibration = calibration_set(task, splits)
    with zooformat.replacing_folder(out / task.name) as folder:
        shipped = {split: ([splits[split][0]], splits[split][1]) for split in ("profile", "test")}
        data = zooformat.write_splits(task, shipped, folder)
        for file, content in task.extra_files().items():
            write_atomically(folder / file, content)
        names = []
        for variant, model in compress.variants(task, dense, splits):
            (folder / variant.name).mkdir()
            shares = variants.build(task, variant, model, shipped, [calibration], folder / variant.name)
            log(task, f"{variant.name}: profile {shares['profile']:.3f} test {shares['test']:.3f}")
            names.append(variant.name)
        variants.finish(task, names, shipped, data, PARTS, folder)
        zoo_pack.pack(folder)
    zooformat.write_index(out, TASKS)
    log(task, f"written to {out / task.name}")


def print_table(root):
    """A markdown table of every variant present under `root`."""
    print("| task | variant | accuracy profile / test, % | points below dense | zeros, % | parameters | KiB |")
    print("|---|---|---|---|---|---|---|")
    for name in json.loads((root / "zoo.json").read_text())["tasks"]:
        task = json.loads((root / name / "task.json").read_text())
        dense = None
        for variant in task["variants"]:
            folder = root / name / variant
            about = json.loads((folder / "variant.json").read_text())
            share, size = about["accuracy"], sum(f.stat().st_size for f in folder.glob("model.*") if f.suffix != ".xz")
            dense = dense or share
            below = [100 * (dense[s] - share[s]) for s in ("profile", "test")]
            print(
                f"| {name} | {variant} | {100 * share['profile']:.1f} / {100 * share['test']:.1f} "
                f"| {below[0]:.1f} / {below[1]:.1f} | {100 * about['weight_sparsity']:.0f} | {about['parameters']:,} "
                f"| {size / 1024:.0f} |"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "zoos" / "demo", help="the zoo folder")
    parser.add_argument("--tasks", default=",".join(TASKS), help="comma-separated; default: all")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "build" / "zoo", help="packages and dense models")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="tasks built at once")
    parser.add_argument("--quick", action="store_true", help="a few steps only, to try the scripts (no zoo to ship)")
    parser.add_argument("--table", action="store_true", help="print the table of a built zoo and exit")
    arguments = parser.parse_args()
    names = variants.named_tasks(parser, arguments.tasks, TASKS)
    variants.at_least_one(parser, arguments, "jobs")
    if arguments.table:
        print_table(arguments.out)
        return 0
    if arguments.quick:
        for task in TASKS.values():
            task.steps = 20
            task.recipe = task.recipe.recovered_by(Tuning(most_steps=5))
    if len(names) == 1:
        build_task(TASKS[names[0]](), arguments.out, arguments.cache)
        return 0
    shared = ["--out", str(arguments.out), "--cache", str(arguments.cache), *(["--quick"] if arguments.quick else [])]
    failed = variants.build_apart(__file__, names, arguments.jobs, shared)
    if failed:
        print(f"zoo: not built: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
