"""Compressed variants of a trained dense model.

Tuning is as short as possible on purpose (see `training.tune_to`): a variant
that wins everything back and is faster would leave nothing to decide.
"""

import copy
import dataclasses

import torch

import layers
from training import accuracy, log, tune_to


@dataclasses.dataclass(frozen=True)
class Tuning:
    """How a compressed model approaches its target accuracy."""

    rate: float = 5e-5
    every: int = 1  # optimizer steps between the first looks at the validation split
    most_steps: int = 80


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Levels in percent, each with how far below dense it should end, in points."""

    unstructured: tuple
    structured: tuple
    tuning: Tuning = Tuning()


@dataclasses.dataclass(frozen=True)
class Variant:
    """One variant to export. `model` is a torch model; `kind` and `level` as in
    variant.json; `half` and `quantized` say what the export does to it."""

    name: str
    kind: str
    level: float
    model: torch.nn.Module
    half: bool = False
    quantized: bool = False


def zero_smallest(model, share):
    """Zeroes the `share` smallest weights over all linear and convolution layers
    (one global threshold). Returns [(weight, mask)]."""
    weights = layers.prunable_weights(model)
    sizes = torch.cat([w.data.abs().flatten() for w in weights])
    threshold = sizes.kthvalue(int(share * sizes.numel())).values
    masks = []
    for weight in weights:
        mask = (weight.data.abs() > threshold).to(weight.dtype)
        weight.data.mul_(mask)
        masks.append((weight, mask))
    return masks


def sparsity(model):
    """Share of zeros among the weights that pruning may touch."""
    weights = layers.prunable_weights(model)
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)


def _pruned(task, dense, splits, dense_accuracy, level, target, structured):
    model = copy.deepcopy(dense)
    masks = None
    if structured:
        layers.narrow(model, level / 100)
    else:
        masks = zero_smallest(model, level / 100)
    log(task, f"{'structured' if structured else 'unstructured'}-{level}")
    tune_to(task, model, splits, dense_accuracy, target / 100, task.recipe.tuning, task.seed + level, masks)
    return model


def variants(task, dense, splits):
    """The ten variants, dense first."""
    dense_accuracy = accuracy(dense, splits["validation"])
    log(task, f"dense: validation {dense_accuracy:.3f}")
    found = [
        Variant("dense", "dense", 0, dense),
        Variant("fp16", "fp16", 0, dense, half=True),
        Variant("int8", "int8", 0, dense, quantized=True),
    ]
    for level, target in task.recipe.unstructured:
        model = _pruned(task, dense, splits, dense_accuracy, level, target, structured=False)
        found.append(Variant(f"unstructured-{level}", "unstructured", level / 100, model))
    for level, target in task.recipe.structured:
        model = _pruned(task, dense, splits, dense_accuracy, level, target, structured=True)
        found.append(Variant(f"structured-{level}", "structured", level / 100, model))
    last = found[-1]
    found.append(Variant(f"{last.name}-int8", "structured+int8", last.level, last.model, quantized=True))
    return found
