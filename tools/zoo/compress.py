"""Compressed variants of a trained dense model.

Tuning is as short as possible on purpose (see `training.Tuning`): a variant
that wins everything back and is faster would leave nothing to decide.
"""

import copy
import dataclasses
import functools

import torch

import layers
from training import Distillation, Reference, Tuning, accuracy, log


@dataclasses.dataclass(frozen=True)
class Pruning:
    """One kind of pruning: its levels in percent, each with what `recovery` takes
    (Tuning: points below dense; Distillation: steps); `quantized` is the level
    that is shipped as INT8 too."""

    levels: tuple = ()
    quantized: int | None = None
    recovery: Tuning | Distillation = Tuning()


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a task is compressed to, beside its INT8 variant."""

    unstructured: Pruning = Pruning()
    block4: Pruning = Pruning()
    structured: Pruning = Pruning()

    def kinds(self):
        """(kind, pruning) in the order of the variants."""
        return [(field.name, getattr(self, field.name)) for field in dataclasses.fields(self)]

    def recovered_by(self, recovery):
        """The same levels, all recovered by `recovery`."""
        return Recipe(**{kind: dataclasses.replace(pruning, recovery=recovery) for kind, pruning in self.kinds()})


@dataclasses.dataclass(frozen=True)
class Variant:
    """One variant to export. `model` is a torch model; `kind` and `level` as in
    variant.json; `quantized` says that the export makes it INT8."""

    name: str
    kind: str
    level: float
    model: torch.nn.Module
    quantized: bool = False


def _norms(weight, block):
    """L2 norms [out, blocks] of every `block` consecutive inputs of an output. The
    inputs of a convolution are [in, height, width], flattened; a row's last block
    may be shorter."""
    rows = weight.data.flatten(1)
    rows = torch.nn.functional.pad(rows, (0, -rows.shape[1] % block))
    return rows.unflatten(1, (-1, block)).norm(dim=2)


def zero_smallest(model, share, block=1):
    """Zeroes the `share` of blocks with the smallest norm over all linear and
    convolution layers (one global threshold). Returns [(weight, mask)]."""
    weights = layers.prunable_weights(model)
    norms = [_norms(w, block) for w in weights]
    every = torch.cat([n.flatten() for n in norms])
    threshold = every.kthvalue(int(share * every.numel())).values
    masks = []
    for weight, norm in zip(weights, norms):
        kept = (norm > threshold).repeat_interleave(block, dim=1)[:, : weight[0].numel()]
        mask = kept.view(weight.shape).to(weight.dtype)
        weight.data.mul_(mask)
        masks.append((weight, mask))
    return masks


def sparsity(model):
    """Share of zeros among the weights that pruning may touch."""
    weights = layers.prunable_weights(model)
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)


# What removes the share of a model's weights, in place; it returns the masks to tune under, if any.
_REMOVE = {
    "unstructured": zero_smallest,
    "block4": functools.partial(zero_smallest, block=4),
    "structured": layers.narrow,
}


def variants(task, dense, splits):
    """Dense, its INT8 variant, and what the recipe names (in the demo zoo: ten)."""
    reference = Reference(dense, accuracy(dense, splits["validation"]))
    log(task, f"dense: validation {reference.accuracy:.3f}")
    found = [
        Variant("dense", "dense", 0, dense),
        Variant("int8", "int8", 0, dense, quantized=True),
    ]
    for kind, pruning in task.recipe.kinds():
        for level, goal in pruning.levels:
            log(task, f"{kind}-{level}")
            model = copy.deepcopy(dense)
            masks = _REMOVE[kind](model, level / 100)
            pruning.recovery.recover(task, model, splits, reference, goal, task.seed + level, masks)
            found.append(Variant(f"{kind}-{level}", kind, level / 100, model))
            if level == pruning.quantized:
                found.append(Variant(f"{kind}-{level}-int8", f"{kind}+int8", level / 100, model, quantized=True))
    return found
