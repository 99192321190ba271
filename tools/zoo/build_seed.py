#!/usr/bin/env python3
"""Builds the seed-scale zoo: four published architectures with random or given
weights, ten variants each, in the zoo format. Accuracy is fidelity: how often a
variant answers what the dense model answers. See README.md beside this file."""

import argparse
import copy
import gc
import hashlib
import os
import pathlib
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent))  # for fetch_reviews

import numpy as np  # noqa: E402
import torch  # noqa: E402

import compress  # noqa: E402
import export  # noqa: E402
import recipe  # noqa: E402
import seed_models  # noqa: E402
import seed_weights  # noqa: E402
import variants  # noqa: E402
import zooformat  # noqa: E402
from fetch_reviews import sha256  # noqa: E402
from seed_inputs import Blend  # noqa: E402
from seed_models import TASKS  # noqa: E402
from training import log  # noqa: E402

PARTS = 3
CALIBRATION = 40  # samples that the last layer, the corrections and INT8 see; none is in a shipped split
VERSION = 2  # of what this script makes: raise it and every zoo is built anew
KEY, DENSE = ".built-from.json", ".kept.pt"  # in a task's folder; the second one only until it is complete


def draw_splits(task, samples):
    """{split: (an array for every input, the patterns shown)}."""
    splits = {}
    for i, (split, size) in enumerate({"calibration": CALIBRATION, "profile": samples, "test": samples}.items()):
        rng = np.random.default_rng([task.seed, i + 1])
        blend = Blend.draw(size, rng)
        splits[split] = (task.samples(blend, rng, np.random.default_rng([task.seed, 0])), blend.first)
    return splits


def make_dense(task, given, inputs, patterns):
    """The dense model, ready to compress."""
    torch.manual_seed(task.seed)
    state = seed_weights.read(given) if given else None
    model = task.model().eval()
    fitted = True
    if state:
        task.classes_given = seed_weights.head_classes(model, state)
        model = task.model().eval()
        fitted = not seed_weights.load(model, state, given)
    task.unparametrized(model)
    if not state:
        seed_weights.draw(model, task.seed)
        seed_weights.settle_norms(model, inputs)
    if fitted:
        seed_weights.fit_head(model, inputs, patterns)
    return model


def dense(task, given, calibration, folder):
    """(model, statistics of its layers), from the folder when an earlier run was stopped there."""
    path = folder / DENSE
    if path.is_file():
        kept = torch.load(path, weights_only=True)
        task.classes_given = kept["classes"]
        model = task.model().eval()
        task.unparametrized(model)
        model.load_state_dict(kept["state"])
        return model, kept["statistics"]
    model = make_dense(task, given, *calibration)
    statistics = seed_weights.statistics(model, calibration[0])
    temporary = path.with_suffix(".new")
    torch.save({"classes": len(model.head.bias), "state": model.state_dict(), "statistics": statistics}, temporary)
    os.replace(temporary, path)
    task.classes_given = len(model.head.bias)
    return model, statistics


def compressed(variant, model, statistics, inputs):
    """`model` itself, or a pruned and corrected copy."""
    kind = variant.kind.removesuffix("+int8")
    if kind in ("dense", "int8"):
        return model
    model = copy.deepcopy(model)
    compress.remove(kind, model, variant.level, by_layer=True)  # drawn layers differ in scale
    seed_weights.correct(model, statistics, inputs)
    return model


def chosen_variants(parser, tasks, text):
    """The variants that --variants names, the dense one first, or all; ends the program if a task has none of a name."""
    for task in tasks if text else ():
        known = [variant.name for variant in recipe.variants(task.recipe)]
        for name in text.split(","):
            if name not in known:
                parser.error(f"--variants: {name!r} is not a variant of {task.name}; its variants are {', '.join(known)}")
    return {"dense", *text.split(",")} if text else None


def build_task(task, out, given, samples, wanted=None):
    """Builds what is missing of one task folder; of its variants those `wanted`."""
    chosen = [variant for variant in recipe.variants(task.recipe) if wanted is None or variant.name in wanted]
    torch.set_num_threads(1)
    folder = out / task.name
    weights = {"weights": sha256(given)} if given else {"seed": task.seed}
    key = {"version": VERSION, "quick": task.quick, "samples": samples, "recipe": repr(task.recipe), **weights}
    zooformat.prepare_folder(folder, KEY, key)
    names = [variant.name for variant in chosen]
    if zooformat.listed_variants(folder) == names:
        log(task, f"complete in {folder}")
        return
    splits = draw_splits(task, samples)
    calibration = splits["calibration"]
    model, statistics = dense(task, given, calibration, folder)
    log(task, f"dense model ready: {sum(p.numel() for p in model.parameters()):,} parameters")
    shipped = {}
    for variant in chosen:
        place, start = folder / variant.name, time.monotonic()
        if (place / "variant.json").is_file():
            log(task, f"{variant.name}: kept")
            shipped = shipped or answered(splits, place)
            continue
        found = compressed(variant, model, statistics, calibration[0])
        with zooformat.replacing_folder(place) as fresh:
            variants.write(task, variant, found, calibration[0], fresh)
            if shipped:
                shares = variants.accuracy(fresh / "model.xml", shipped)
            else:  # dense, which agrees with itself
                shipped, shares = answered(splits, fresh), {"profile": 1.0, "test": 1.0}
            variants.describe(variant, found, shares, fresh)
        del found
        gc.collect()
        log(task, f"{variant.name}: fidelity {shares['profile']:.3f} / {shares['test']:.3f}, {time.monotonic() - start:.0f} s")
    data = zooformat.write_splits(task, shipped, folder)
    variants.finish(task, names, shipped, data, PARTS, folder)
    (folder / DENSE).unlink()
    log(task, f"written to {folder}")


def answered(splits, folder):
    """The shipped splits, labelled with what the dense model in `folder` answers."""
    shipped = {split: splits[split][0] for split in ("profile", "test")}
    answers = {split: export.predict(folder / "model.xml", inputs).astype(np.int32) for split, inputs in shipped.items()}
    return {split: (inputs, answers[split]) for split, inputs in shipped.items()}


def default_out():
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(cache) / "sparseloom" / "zoo-seed"


def given_weights(parser, texts):
    """{task: file} of --weights TASK=FILE."""
    found = {}
    for text in texts:
        name, _, file = text.partition("=")
        if name not in TASKS:
            parser.error(f"--weights {text}: {name!r} is not a task; the tasks are {', '.join(TASKS)}")
        if not pathlib.Path(file).is_file():
            parser.error(f"--weights {text}: no such file")
        found[name] = file
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=default_out(), help="the zoo folder (default: %(default)s)")
    parser.add_argument("--tasks", default=",".join(TASKS), help="comma-separated; default: all")
    given = "a torch state_dict instead of random weights"
    few = "comma-separated, beside the dense one: fewer are built and profiled sooner; default: all ten"
    parser.add_argument("--variants", metavar="NAMES", help=few)
    parser.add_argument("--weights", action="append", default=[], metavar="TASK=FILE", help=given)
    parser.add_argument("--samples", type=int, default=64, help="in each of the two splits (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=1, help="tasks built at once (default: 1); vit-small alone takes 1.9 GB")
    parser.add_argument("--quick", action="store_true", help="tiny models of the same kinds, to try the script")
    arguments = parser.parse_args()
    names = variants.named_tasks(parser, arguments.tasks, TASKS)
    tasks = [TASKS[name](arguments.quick) for name in names]
    wanted = chosen_variants(parser, tasks, arguments.variants)
    weights = given_weights(parser, arguments.weights)
    variants.at_least_one(parser, arguments, "samples", "jobs")
    if len(names) > 1:
        shared = ["--out", str(arguments.out), "--samples", str(arguments.samples), *(["--quick"] if arguments.quick else [])]
        shared += [f"--variants={arguments.variants}"] if arguments.variants else []
        shared += [f"--weights={task}={file}" for task, file in weights.items()]
        failed = variants.build_apart(__file__, names, arguments.jobs, shared)
        if failed:
            print(f"zoo-seed: not built: {', '.join(failed)}; the same command goes on from there", file=sys.stderr)
        return 1 if failed else 0
    task = tasks[0]
    try:
        build_task(task, arguments.out, weights.get(task.name), arguments.samples, wanted)
    except (seed_weights.WeightsError, FileExistsError) as wrong:
        print(f"zoo-seed: {wrong}", file=sys.stderr)
        return 1
    zooformat.write_index(arguments.out, TASKS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
