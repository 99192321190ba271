"""Weights of the seed-scale zoo without training: drawn or given, a fitted last layer,
and what a pruned model's layers need to answer like the dense one's."""

import math

import torch
from torch import nn

TAIL = 2.5  # a drawn weight is a normal number to this power (its sign kept): most are small, as in trained models
UNIT_TAIL = 1.0  # the same of a unit's strength; with longer tails INT8, which has one scale per row, would lose most units
RIDGE = 0.1  # of the last layer's fit, in mean variances of its inputs
MOST_GAIN = 4.0  # of a corrected channel
_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.BatchNorm2d)
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)


class WeightsError(Exception):
    """What is wrong with given weights, in one line."""


def _heavy(shape, tail, generator):
    """Random numbers of mean square 1."""
    normal = torch.randn(shape, generator=generator)
    found = normal.sign() * normal.abs() ** tail
    return found / found.square().mean().sqrt()


def draw(model, seed):
    """Random weights in place. Every layer keeps its signal's size; single weights, and
    the units inside a block, differ in strength, so that pruning has something to find.
    N residual branches are divided by sqrt(N), as GPT-2's are (Radford et al. 2019, section
    2.3), or the smallest change would grow from block to block. Biases and norms are not
    trivial, or an exporter would fold them away."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, _NORMS):
                module.weight.copy_(1 + 0.1 * torch.randn(module.weight.shape, generator=generator))
                module.bias.copy_(0.05 * torch.randn(module.bias.shape, generator=generator))
            elif isinstance(module, _WEIGHTED):
                rectified = 2.0 if not isinstance(module, nn.Linear) else 1.0
                scale = math.sqrt(rectified / module.weight[0].numel())
                module.weight.copy_(scale * _heavy(module.weight.shape, TAIL, generator))
                if module.bias is not None:
                    module.bias.copy_(0.05 * torch.randn(module.bias.shape, generator=generator))
        for inner, _ in model.inners():
            strength = _heavy((inner.units(),), UNIT_TAIL, generator).abs().repeat_interleave(inner.width)
            inner.reader.weight.mul_(strength.view(1, -1, *[1] * (inner.reader.weight.ndim - 2)))
        ends = model.branch_ends()
        for end in ends:
            end.weight.mul_(len(ends) ** -0.5)


def head_classes(model, state):
    """The number of classes of given weights, or None if they have no last layer."""
    found = state.get(f"{model.head_name}.weight")
    return None if found is None else len(found)


def read(path):
    """A torch state_dict from a file."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as reason:  # of many types, by what is wrong with the file
        raise WeightsError(f"{path}: not a torch state_dict: {str(reason).splitlines()[0]}") from reason
    state = state.get("state_dict", state) if isinstance(state, dict) else None
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise WeightsError(f"{path}: not a torch state_dict, i.e. names and tensors")
    return state


def load(model, state, path):
    """Given weights in place; only the last layer may be missing. Returns whether it is there."""
    try:
        odd = model.model.load_state_dict(state, strict=False)
    except RuntimeError as reason:
        raise WeightsError(f"{path}: {' '.join(str(reason).split())}") from reason
    missing = [name for name in odd.missing_keys if not name.startswith(f"{model.head_name}.")]
    for what, names in (("lacks", missing), ("has unknown", odd.unexpected_keys)):
        if names:
            raise WeightsError(f"{path}: {what} {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}")
    return not odd.missing_keys


def _shaped(vector, module, values):
    """`vector` (one value per channel) as it is broadcast over a module's output."""
    return vector if isinstance(module, nn.Linear) else vector.view(1, -1, *[1] * (values.ndim - 2))


def _spread(module, values):
    """Mean and standard deviation of every channel of a module's output."""
    axes = [a for a in range(values.ndim) if a != (values.ndim - 1 if isinstance(module, nn.Linear) else 1)]
    return values.mean(axes), values.std(axes)


def _biased(model):
    """Layers whose output can be corrected by what they own: {name: module}."""
    kinds = (*_WEIGHTED, nn.BatchNorm2d)
    return {n: m for n, m in model.named_modules() if isinstance(m, kinds) and m.bias is not None}


def _pass(model, inputs, hook):
    """One pass of all `inputs` at once, in which `hook(name, module, output)` may replace outputs."""
    handles = [
        module.register_forward_hook(lambda m, _, out, name=name: hook(name, m, out)) for name, module in _biased(model).items()
    ]
    try:
        with torch.no_grad():
            return model(*[torch.from_numpy(array) for array in inputs])
    finally:
        for handle in handles:
            handle.remove()


def settle_norms(model, inputs):
    """Sets the running means and variances of batch norms to those of `inputs`."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    if norms:
        _pass(model, inputs, lambda *_: None)
    model.eval()


def fit_head(model, inputs, labels):
    """The last layer by ridge regression on what the drawn body makes of `inputs`: an
    untrained one answers a single class whatever it sees."""
    seen = []
    handle = model.head.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    _pass(model, inputs, lambda *_: None)
    handle.remove()
    features = seen[0].double()
    mean = features.mean(0)
    centred = features - mean
    kernel = centred @ centred.T
    wanted = nn.functional.one_hot(torch.from_numpy(labels).long(), len(model.head.bias)).double()
    wanted -= wanted.mean(0)
    ridge = RIDGE * kernel.diagonal().mean() * torch.eye(len(kernel))
    weight = (centred.T @ torch.linalg.solve(kernel + ridge, wanted)).T
    with torch.no_grad():
        model.head.weight.copy_(weight)
        model.head.bias.copy_(-weight @ mean)


def statistics(model, inputs):
    """{layer: (mean, standard deviation) of every channel of its output over `inputs`}."""
    found = {}

    def note(name, module, values):
        found[name] = _spread(module, values)

    _pass(model, inputs, note)
    return found


def correct(model, wanted, inputs):
    """Gives every layer's channels the mean and deviation that they have in the dense
    model, by scaling its rows and moving its bias, first layers first: without it a pruned model
    answers one class whatever it sees. No zero is lost. After REPAIR (Jordan et al., arXiv
    2211.08403, section 3), which does so for the layers in front of batch norms."""

    def repair(name, module, values):
        mean, deviation = wanted[name]
        found, spread = _spread(module, values)
        if found.shape != mean.shape:  # narrowed
            return None
        gain = torch.where(spread > 1e-6 * deviation, deviation / spread, torch.ones_like(spread)).clamp(1 / MOST_GAIN, MOST_GAIN)
        module.weight.mul_(gain.view(-1, *[1] * (module.weight.ndim - 1)))
        module.bias.copy_((module.bias - found) * gain + mean)
        return (values - _shaped(found, module, values)) * _shaped(gain, module, values) + _shaped(mean, module, values)

    _pass(model, inputs, repair)
