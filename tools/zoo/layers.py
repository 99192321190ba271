"""Residual blocks that the demo models share, and how each one is narrowed.

Every block keeps the width of its residual stream; `narrow` removes only what
lies inside (heads, FFN units, inner channels). So a tensor between two blocks
has one shape in every variant, and variants can be cut there and stitched.
"""

import dataclasses

import torch
from torch import nn


def _rows(layer, keep):
    """`layer` (Linear, Conv or a norm over channels) with only the output units `keep`."""
    for name in ("weight", "bias"):
        if getattr(layer, name) is not None:
            setattr(layer, name, nn.Parameter(getattr(layer, name).data[keep].clone()))
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        layer.running_mean = layer.running_mean[keep].clone()
        layer.running_var = layer.running_var[keep].clone()
        layer.num_features = len(keep)
    elif isinstance(layer, nn.GroupNorm):  # one group per channel
        layer.num_groups = layer.num_channels = len(keep)


def _columns(linear, keep):
    """`linear` (Linear or Conv) with only the input units `keep`."""
    linear.weight = nn.Parameter(linear.weight.data[:, keep].clone())


def _strongest(score, level):
    """Sorted indices of the units left when the share `level` is removed."""
    count = max(1, round(score.numel() * (1.0 - level)))
    return torch.topk(score, count).indices.sort().values


def _out_norm(weight):
    return weight.data.flatten(1).norm(dim=1) if weight.ndim > 1 else weight.data.abs()


def _in_norm(weight):
    return weight.data.transpose(0, 1).flatten(1).norm(dim=1)


@dataclasses.dataclass(frozen=True)
class Inner:
    """What lies inside a residual block and may be narrowed: units of `width` channels
    that each of `writers` writes and `reader` reads. The last writer's weights
    and the reader's say how strong a unit is. A writer of `fused` layers in one holds them one
    after the other."""

    writers: tuple
    reader: nn.Module
    width: int = 1
    fused: int = 1

    def units(self):
        return self.reader.weight.shape[1] // self.width

    def narrow(self, level):
        """Removes the share `level` of the units, those that write least first;
        returns how many are left."""
        channels = self.units() * self.width
        written = _out_norm(self.writers[-1].weight)[-channels:]
        units = _strongest((written * _in_norm(self.reader.weight)).view(self.units(), -1).sum(1), level)
        keep = (units[:, None] * self.width + torch.arange(self.width)).flatten()
        rows = torch.cat([keep + i * channels for i in range(self.fused)])
        for writer in self.writers:
            _rows(writer, rows)
        _columns(self.reader, keep)
        return len(units)


class Attention(nn.Module):
    """Plain multi-head self-attention; `mask` is added to the scores."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.head_width = width // heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def _split(self, x):
        return x.view(x.shape[0], x.shape[1], self.heads, self.head_width).transpose(1, 2)

    def forward(self, x, mask=None):
        query, key, value = (self._split(layer(x)) for layer in (self.query, self.key, self.value))
        if torch.jit.is_tracing():  # for the export: plain operators
            scores = torch.matmul(query * self.head_width**-0.5, key.transpose(2, 3))
            if mask is not None:
                scores = scores + mask
            mixed = torch.matmul(torch.softmax(scores, dim=-1), value)
        else:  # the same function, faster to train
            mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(x.shape[0], x.shape[1], self.heads * self.head_width)
        return self.out(mixed)

    def narrow(self, level):
        """Removes the share `level` of the heads, those that write least first."""
        self.heads = Inner((self.query, self.key, self.value), self.out, self.head_width).narrow(level)


class EncoderBlock(nn.Module):
    """Pre-norm transformer block: x + attention, then x + FFN."""

    def __init__(self, width, heads, hidden, dropout=0.0):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x, mask=None):
        x = x + self.drop(self.attention(self.norm1(x), mask))
        return x + self.drop(self.contract(torch.relu(self.expand(self.norm2(x)))))

    def narrow(self, level):
        self.attention.narrow(level)
        Inner((self.expand,), self.contract).narrow(level)


class ConvBlock(nn.Module):
    """Residual block of two convolutions (1-D or 2-D); nothing follows the sum,
    so a cut behind it breaks no fusion."""

    def __init__(self, width, kernel, dimensions):
        super().__init__()
        conv = nn.Conv2d if dimensions == 2 else nn.Conv1d
        norm = nn.BatchNorm2d if dimensions == 2 else nn.BatchNorm1d
        self.conv1 = conv(width, width, kernel, padding=kernel // 2, bias=False)
        self.norm1 = norm(width)
        self.conv2 = conv(width, width, kernel, padding=kernel // 2, bias=False)
        self.norm2 = norm(width)

    def forward(self, x):
        return x + self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x)))))

    def narrow(self, level):
        """Removes the share `level` of the channels between the convolutions."""
        Inner((self.conv1, self.norm1), self.conv2).narrow(level)


def narrow(model, level):
    """Structured pruning in place: of every residual block of `model`, and of what the
    model itself can narrow (`narrow_input`), or, of a model made elsewhere, of its
    `inners` as pairs (where, what to tell how many units are left)."""
    if hasattr(model, "inners"):
        for inner, tell in model.inners():
            tell(inner.narrow(level))
        return
    for module in model.modules():
        if isinstance(module, (EncoderBlock, ConvBlock)):
            module.narrow(level)
    if hasattr(model, "narrow_input"):
        model.narrow_input(level)


def narrow_embedding(embedding, widen, level):
    """Removes the share `level` of the columns of `embedding`, which `widen` maps
    to the residual stream."""
    score = embedding.weight.data.norm(dim=0) * _in_norm(widen.weight)
    keep = _strongest(score, level)
    embedding.weight = nn.Parameter(embedding.weight.data[:, keep].clone())
    embedding.embedding_dim = len(keep)
    _columns(widen, keep)


def prunable_weights(model):
    """Weights of all linear and convolution layers but those that a model names in
    `kept_dense` (what unstructured pruning may zero and what weight sparsity counts)."""
    kept = getattr(model, "kept_dense", ())
    return [m.weight for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv1d, nn.Conv2d)) and m not in kept]
