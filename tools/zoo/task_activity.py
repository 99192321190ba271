"""Task `activity`: a small ViT-style encoder over smart-watch sensor windows."""

import importlib.util
import pathlib

import numpy as np
import torch
from torch import nn

from fetch_reviews import sha256
from layers import EncoderBlock
from recipe import Pruning, Recipe
from training import Distillation, Tuning

WATCH_SHA256 = "eb122f23cdf06ef6bd6c6c5312958ec5cf9d038e2e6d457b8081662c75a42537"
WINDOW, PATCH = 160, 9  # samples at 50 Hz: 3.2 s; patches overlap, stride 1
TOKENS = WINDOW - PATCH + 1
WIDTH, HEADS, HIDDEN, BLOCKS = 64, 8, 256, 6
SPREAD = [0.9, 0.5, 0.55, 1.0, 2.5, 1.05]  # standard deviation of each channel
SUBJECTS = {"validation": (3, 7), "profile": (2, 9), "test": (5, 10), "train": (1, 4, 6, 8)}
WINDOWS = {"validation": 1000, "profile": 1000, "test": 1000}


class SensorTransformer(nn.Module):
    """Input f32 [N,6,160] in the recording's units; logits [N,7]."""

    def __init__(self):
        super().__init__()
        self.register_buffer("unit", 1 / torch.tensor(SPREAD).view(1, 6, 1))
        self.patch = nn.Conv1d(6, WIDTH, PATCH)
        self.position = nn.Parameter(torch.randn(1, TOKENS, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(EncoderBlock(WIDTH, HEADS, HIDDEN, 0.15) for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(WIDTH, 7)

    def forward(self, window):
        x = self.patch(window * self.unit).transpose(1, 2) + self.position
        for block in self.blocks:
            x = block(x)
        return self.head(self.drop(self.norm(x).mean(dim=1)))


class ActivityTask:
    name = "activity"
    description = "Which of seven shoulder exercises a smart-watch wearer does, from 3.2 s of motion."
    base_model = "small ViT-style encoder, 6 blocks"
    classes = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
    inputs = (("window", "f32"),)
    accuracy_kind = "labels"
    seed, rate, decay, steps = 13, 1e-3, 0.05, 300
    boundary = r"__module\.blocks\.\d+/"
    transformer = True
    recipe = Recipe(
        unstructured=Pruning(((60, 60), (75, 90), (90, 150)), quantized=75, recovery=Distillation(rate=7e-4)),
        # New subjects lose more than the validation subjects do, hence targets below 0.
        structured=Pruning(((25, -2.3), (40, -1.3), (50, -1.8)), quantized=50, recovery=Tuning(rate=1e-4)),
    )

    def load(self, cache):
        """{split: (inputs, labels)}. Train items are whole recordings (a random
        window of one is drawn at every use); the other splits are windows at
        even steps, so many from every recording."""
        package = importlib.util.find_spec("seglearn")  # not imported: only its data are wanted
        if package is None:
            raise RuntimeError("seglearn: not installed; the activity task's data travel in it (requirements.txt)")
        path = pathlib.Path(package.origin).parent / "data" / "watch_dataset.npy"
        if sha256(path) != WATCH_SHA256:
            raise RuntimeError(f"{path}: SHA-256 is {sha256(path)}, expected {WATCH_SHA256}")
        watch = np.load(path, allow_pickle=True).item()
        if [str(l) for l in watch["y_labels"]] != self.classes:
            raise RuntimeError(f"seglearn watch data: labels are {watch['y_labels']}, expected {self.classes}")
        recordings = [np.asarray(x, dtype=np.float32).T for x in watch["X"]]
        labels, subjects = np.array(watch["y"], dtype=np.int32), np.array(watch["subject"])
        splits = {}
        for split, members in SUBJECTS.items():
            chosen = [i for i in range(len(labels)) if subjects[i] in members]
            if split == "train":
                splits[split] = ([recordings[i] for i in chosen], labels[chosen])
                continue
            wanted = np.diff(np.linspace(0, WINDOWS[split], len(chosen) + 1).astype(int))
            inputs, found = [], []
            for i, count in zip(chosen, wanted):
                for start in np.linspace(0, recordings[i].shape[1] - WINDOW, count).astype(int):
                    inputs.append(recordings[i][:, start : start + WINDOW])
                    found.append(labels[i])
            splits[split] = (np.stack(inputs), np.array(found, dtype=np.int32))
        # Several entries per recording, so that an epoch is more than one batch.
        splits["train"] = (splits["train"][0] * 16, np.tile(splits["train"][1], 16))
        return splits

    def augment(self, items, rng):
        """A random window of each recording, stretched in time, scaled and noisy."""
        out = np.empty((len(items), 6, WINDOW), dtype=np.float32)
        for row, recording in enumerate(items):
            length = int(WINDOW * rng.uniform(0.75, 1.3))
            start = rng.integers(0, recording.shape[1] - length + 1)
            at = np.linspace(0, length - 1, WINDOW)
            piece = recording[:, start : start + length]
            window = np.stack([np.interp(at, np.arange(length), channel) for channel in piece])
            window *= rng.uniform(0.8, 1.25, (6, 1))
            window += rng.normal(0, 0.1, (6, 1)) + rng.normal(0, 0.05, window.shape)
            out[row] = window
        return out

    def model(self):
        return SensorTransformer()

    def extra_files(self):
        return {}
