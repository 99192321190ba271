"""Networks drawn at random, each by its seed: what a threshold predictor learns from beside known architectures."""
import random

import torch
from torch import nn

ACTIVATIONS = nn.ReLU, nn.ReLU, nn.GELU, nn.SiLU, nn.Hardswish


def mlp(draw):
    """(model, example inputs): linear layers, over one row or a sequence of them."""
    widths = [draw.choice((64, 128, 256, 512, 784, 1024, 2048, 4096)) for _ in range(draw.randint(3, 16))]
    activation, normalised = draw.choice(ACTIVATIONS), draw.random() < 0.4
    layers = []
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Linear(before, after), *([nn.LayerNorm(after)] if normalised else []), activation()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 10)), (torch.rand(1, draw.choice((1, 1, 16, 128)), widths[0]),)


class Residual(nn.Module):
    """x + body(x), x projected where the shape changes."""

    def __init__(self, body, project=None, after=None):
        super().__init__()
        self.body, self.project, self.after = body, project or nn.Identity(), after or nn.Identity()

    def forward(self, x):
        return self.after(self.project(x) + self.body(x))


class SqueezeExcite(nn.Module):
    def __init__(self, width):
        super().__init__()
        inner = max(8, width // 4)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, inner, 1), nn.ReLU(), nn.Conv2d(inner, width, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.gate(x)


class Branches(nn.Module):
    """The same input through several bodies, joined by channels."""

    def __init__(self, bodies):
        super().__init__()
        self.bodies = nn.ModuleList(bodies)

    def forward(self, x):
        return torch.cat([body(x) for body in self.bodies], 1)


def _conv(before, after, kernel=3, stride=1, groups=1, activation=None):
    return [nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(after),
            *([activation()] if activation else [])]


def _stage(draw, kind, before, width, depth, stride, activation):
    layers = []
    for _ in range(depth):
        project = nn.Sequential(*_conv(before, width, 1, stride)) if (before, stride) != (width, 1) else None
        if kind == "plain":
            layers += _conv(before, width, 3, stride, activation=activation)
        elif kind == "basic":
            body = _conv(before, width, 3, stride, activation=activation) + _conv(width, width)
            layers.append(Residual(nn.Sequential(*body), project, activation()))
        elif kind == "bottleneck":
            inner = max(8, width // 4)
            body = _conv(before, inner, 1, activation=activation) + _conv(inner, inner, 3, stride, activation=activation)
            layers.append(Residual(nn.Sequential(*body, *_conv(inner, width, 1)), project, activation()))
        elif kind == "inverted":
            inner, kernel = before * draw.choice((2, 4, 6)), draw.choice((3, 5))
            body = _conv(before, inner, 1, activation=activation) + _conv(inner, inner, kernel, stride, inner, activation)
            gate = [SqueezeExcite(inner)] if draw.random() < 0.5 else []
            body = nn.Sequential(*body, *gate, *_conv(inner, width, 1))
            layers.append(body if project else Residual(body))
        elif kind == "patches":  # as in ConvNeXt
            if project:
                layers.append(project)
            body = [nn.Conv2d(width, width, 7, padding=3, groups=width), nn.BatchNorm2d(width), nn.Conv2d(width, 4 * width, 1), activation(),
                    nn.Conv2d(4 * width, width, 1)]
            layers.append(Residual(nn.Sequential(*body)))
        else:  # branches
            parts = [width // 2, width // 4, width - width // 2 - width // 4]
            bodies = [nn.Sequential(*_conv(before, part, kernel, stride, activation=activation)) for part, kernel in zip(parts, (1, 3, 5))]
            layers.append(Branches(bodies))
        before, stride = width, 1
    return layers


def cnn(draw):
    """(model, example inputs): convolutions in stages of one of six kinds of block."""
    kind = draw.choice(("plain", "basic", "bottleneck", "inverted", "patches", "branches"))
    activation, width, size = draw.choice(ACTIVATIONS), draw.choice((16, 24, 32, 48, 64, 96)), draw.choice((32, 64, 96, 128, 160, 224))
    layers = _conv(3, width, draw.choice((3, 5, 7)), 2 if size > 32 else 1, activation=activation)
    for stage in range(draw.randint(2, 4)):
        wider = int(width * draw.choice((1, 1.5, 2, 2))) // 8 * 8
        layers += _stage(draw, kind, width, wider, draw.randint(1, 6), 2 if stage else 1, activation)
        width = wider
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, draw.choice((10, 100, 1000)))]
    return nn.Sequential(*layers, *head), (torch.rand(1, 3, size, size),)


class Attention(nn.Module):
    """Self-attention in plain operators, the three projections apart or in one."""

    def __init__(self, width, heads, fused):
        super().__init__()
        self.heads = heads
        self.inner = nn.ModuleList([nn.Linear(width, 3 * width)] if fused else [nn.Linear(width, width) for _ in range(3)])
        self.out = nn.Linear(width, width)

    def forward(self, x):
        batch, length, width = x.shape
        three = self.inner[0](x).split(width, 2) if len(self.inner) == 1 else [layer(x) for layer in self.inner]
        q, k, v = (part.view(batch, length, self.heads, width // self.heads).transpose(1, 2) for part in three)
        weights = torch.softmax(q @ k.transpose(2, 3) * (width // self.heads) ** -0.5, -1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))


class Block(nn.Module):
    def __init__(self, draw, width, heads, hidden, activation, first, fused):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.parts = nn.ModuleList([Attention(width, heads, fused), nn.Sequential(nn.Linear(width, hidden), activation(), nn.Linear(hidden, width))])
        self.first = first  # normalises before its parts, not behind them

    def forward(self, x):
        for norm, part in zip(self.norms, self.parts):
            x = x + part(norm(x)) if self.first else norm(x + part(x))
        return x


class Windows(nn.Module):
    """A block over windows of a square of positions, which it cuts out and puts back."""

    def __init__(self, block, side, window, shift):
        super().__init__()
        self.block, self.side, self.window, self.shift = block, side, window, shift

    def forward(self, x):
        count, window, width = self.side // self.window, self.window, x.shape[-1]
        x = x.view(self.side, self.side, width)
        if self.shift:
            x = torch.roll(x, (-self.shift, -self.shift), (0, 1))
        x = x.view(count, window, count, window, width).permute(0, 2, 1, 3, 4).reshape(count * count, window * window, width)
        x = self.block(x).view(count, count, window, window, width).permute(0, 2, 1, 3, 4).reshape(self.side, self.side, width)
        if self.shift:
            x = torch.roll(x, (self.shift, self.shift), (0, 1))
        return x.reshape(1, self.side * self.side, width)


class Merge(nn.Module):
    """Half the side, twice the width."""

    def __init__(self, side, width):
        super().__init__()
        self.side, self.norm, self.reduce = side, nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width)

    def forward(self, x):
        half, width = self.side // 2, x.shape[-1]
        x = x.view(half, 2, half, 2, width).permute(0, 2, 1, 3, 4).reshape(1, half * half, 4 * width)
        return self.reduce(self.norm(x))


def transformer(draw):
    """(model, example inputs): encoder blocks over tokens, patches of an image, or frames of a sound."""
    width = draw.choice((64, 128, 192, 256, 384, 512, 768))
    heads, hidden, depth = width // draw.choice((32, 64)), width * draw.choice((2, 4)), draw.randint(2, 12)
    activation, first, fused = draw.choice((nn.ReLU, nn.GELU)), draw.random() < 0.6, draw.random() < 0.5
    blocks = [Block(draw, width, heads, hidden, activation, first, fused) for _ in range(depth)]
    tail = [nn.LayerNorm(width)] if first else []
    kind = draw.choice(("tokens", "patches", "frames"))
    length = draw.choice((16, 64, 128, 256, 384))
    if kind == "tokens":
        front, example = [nn.Embedding(2000, width)], torch.zeros(1, length, dtype=torch.int64)
    elif kind == "patches":
        patch, side = draw.choice(((16, 224), (32, 224), (16, 160), (8, 64)))
        front, example = [nn.Conv2d(3, width, patch, patch), nn.Flatten(2), _Swap()], torch.rand(1, 3, side, side)
    else:
        front, example = [nn.Conv1d(80, width, 3, padding=1), activation(), nn.Conv1d(width, width, 3, 2, 1), activation(), _Swap()], torch.rand(1, 80, 2 * length)
    return nn.Sequential(*front, *blocks, *tail, nn.Linear(width, draw.choice((10, 1000)))), (example,)


class _Swap(nn.Module):
    def forward(self, x):
        return x.transpose(1, 2)


def windowed(draw):
    """(model, example inputs): transformer blocks over windows, in stages of half the side and twice the width."""
    width, side, window = draw.choice((32, 64, 96, 128)), 4 * draw.choice((8, 16, 12)), 4
    activation, fused = draw.choice((nn.ReLU, nn.GELU)), draw.random() < 0.5
    layers, patch = [], draw.choice((2, 4))
    front = [nn.Conv2d(3, width, patch, patch), nn.Flatten(2), _Swap()]
    example = torch.rand(1, 3, side * patch, side * patch)
    for stage in range(draw.randint(2, 3)):
        if stage:
            layers.append(Merge(side, width))
            side, width = side // 2, 2 * width
        for k in range(2 * draw.randint(1, 3)):
            layers.append(Windows(Block(draw, width, max(1, width // 32), 4 * width, activation, True, fused), side, window, window // 2 * (k % 2)))
    return nn.Sequential(*front, *layers, nn.LayerNorm(width), nn.Linear(width, 100)), (example,)


KINDS = {"mlp": mlp, "cnn": cnn, "transformer": transformer, "windowed": windowed}


def make(kind, seed):
    """(model, example inputs) of that kind; the same for the same seed."""
    torch.manual_seed(seed)
    return KINDS[kind](random.Random(f"{kind} {seed}"))
