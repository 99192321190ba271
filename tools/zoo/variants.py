"""A task's folder, from compressed torch models: what every zoo's builder does."""

import subprocess
import sys

import openvino as ov

import compress
import export
import zooformat


def build(task, variant, model, splits, calibration, folder):
    """Exports one variant into its folder, in ONNX too, and measures its accuracy, which it returns
    by split. `splits` are as shipped: (an array for every input, labels)."""
    write(task, variant, model, calibration, folder, onnx=True)
    shares = accuracy(folder / "model.xml", splits)
    describe(variant, model, shares, folder)
    return shares


def write(task, variant, model, calibration, folder, onnx=False):
    """The model file. `calibration` holds an array for every input."""
    found = export.convert(task, model, [array[:1] for array in calibration])
    if variant.quantized:
        found = export.quantize(task, found, calibration)
    export.save(found, folder / "model.xml", onnx)


def describe(variant, model, shares, folder):
    """variant.json; `shares` is its accuracy by split."""
    parameters = sum(p.numel() for p in model.parameters())
    zooformat.write_variant(variant, compress.sparsity(model), parameters, shares, folder)


def accuracy(path, splits):
    """{split: share of samples whose label the model at `path` answers}."""
    return {split: float((export.predict(path, inputs) == labels).mean()) for split, (inputs, labels) in splits.items()}


def finish(task, names, splits, data, parts, folder):
    """Chooses the cuts that all variants share, checks them, and writes task.json."""
    models = {name: ov.Core().read_model(str(folder / name / "model.xml")) for name in names}
    cuts = export.choose_cuts(task, models["dense"], parts)
    export.check_cuts(models, cuts)
    shapes = [[1, *array.shape[1:]] for array in splits["profile"][0]]
    zooformat.write_task(task, data, shapes, cuts, names, folder)


def build_apart(script, names, jobs, arguments):
    """Runs `script` as one process per task, at most `jobs` at a time; returns the names of
    those that failed."""
    waiting, running, failed = list(names), {}, []
    while waiting or running:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            running[name] = subprocess.Popen([sys.executable, script, "--tasks", name, *arguments])
        name = next(iter(running))
        for other, process in running.items():
            if process.poll() is not None:
                name = other
        if running.pop(name).wait() != 0:
            failed.append(name)
    return failed


def at_least_one(parser, arguments, *options):
    """Ends the program if one of these options is below 1."""
    for option in options:
        if getattr(arguments, option) < 1:
            parser.error(f"--{option} {getattr(arguments, option)}: at least 1")


def named_tasks(parser, text, known):
    """The tasks that --tasks names; ends the program if one is unknown."""
    names = text.split(",")
    for name in names:
        if name not in known:
            parser.error(f"--tasks: {name!r} is not a task; the tasks are {', '.join(known)}")
    return names
