"""Compressed variants of a trained dense model.

Tuning is as short as possible on purpose (see `training.Tuning`): a variant
that wins everything back and is faster would leave nothing to decide.
"""

import copy

import torch

import layers
import recipe
from training import Reference, accuracy, log


def _norms(weight, block):
    """L2 norms [out, blocks] of every `block` consecutive inputs of an output. The
    inputs of a convolution are [in, height, width], flattened; a row's last block
    may be shorter."""
    rows = weight.data.flatten(1)
    rows = torch.nn.functional.pad(rows, (0, -rows.shape[1] % block))
    return rows.unflatten(1, (-1, block)).norm(dim=2)


def _threshold(norms, share):
    every = torch.cat([n.flatten() for n in norms])
    return every.kthvalue(max(1, int(share * every.numel()))).values


def zero_smallest(model, share, block=1, by_layer=False):
    """Zeroes the `share` of blocks with the smallest norm over all linear and
    convolution layers (one global threshold, or one for each layer). Returns
    [(weight, mask)]."""
    weights = layers.prunable_weights(model)
    norms = [_norms(w, block) for w in weights]
    thresholds = [_threshold([n], share) for n in norms] if by_layer else [_threshold(norms, share)] * len(norms)
    masks = []
    for weight, norm, threshold in zip(weights, norms, thresholds):
        kept = (norm > threshold).repeat_interleave(block, dim=1)[:, : weight[0].numel()]
        mask = kept.view(weight.shape).to(weight.dtype)
        weight.data.mul_(mask)
        masks.append((weight, mask))
    return masks


def sparsity(model):
    """Share of zeros among the weights that pruning may touch."""
    weights = layers.prunable_weights(model)
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)


def remove(kind, model, share, by_layer=False):
    """Removes the share of a model's weights, in place; returns the masks to tune under, if any."""
    if kind == "structured":
        return layers.narrow(model, share)
    return zero_smallest(model, share, {"unstructured": 1, "block4": 4}[kind], by_layer)


def variants(task, dense, splits):
    """(variant, model): dense, its INT8 variant, and what the recipe names (in the demo zoo: ten)."""
    reference = Reference(dense, accuracy(dense, splits["validation"]))
    log(task, f"dense: validation {reference.accuracy:.3f}")
    found = [(variant, dense) for variant in recipe.DENSE]
    for kind, pruning in task.recipe.kinds():
        for level, goal in pruning.levels:
            log(task, f"{kind}-{level}")
            model = copy.deepcopy(dense)
            masks = remove(kind, model, level / 100)
            pruning.recovery.recover(task, model, splits, reference, goal, task.seed + level, masks)
            found += [(variant, model) for variant in recipe.pruned(kind, level, pruning)]
    return found
