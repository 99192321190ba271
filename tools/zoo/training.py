"""Seeded training, and tuning that stops at a chosen loss of accuracy."""

import copy
import math
import sys
import time

import numpy as np
import torch
from torch import nn

BATCH = 64


def log(task, text):
    print(f"[{time.strftime('%H:%M:%S')}] {task.name}: {text}", file=sys.stderr, flush=True)


class Batches:
    """Endless shuffled batches of a split, augmented by the task."""

    def __init__(self, task, split, seed):
        self._task, self._inputs, self._labels = task, *split
        self._rng = np.random.default_rng(seed)
        self._order = np.empty(0, dtype=np.int64)

    def next(self):
        if len(self._order) < BATCH:
            self._order = self._rng.permutation(len(self._labels))
        take, self._order = self._order[:BATCH], self._order[BATCH:]
        inputs = self._task.augment([self._inputs[i] for i in take], self._rng)
        return torch.from_numpy(inputs), torch.from_numpy(self._labels[take].astype(np.int64))


def predict(model, inputs):
    """Predicted classes of stored inputs [N, ...]."""
    model.eval()
    found = []
    with torch.no_grad():
        for start in range(0, len(inputs), 250):
            found.append(model(torch.from_numpy(inputs[start : start + 250])).argmax(1).numpy())
    return np.concatenate(found)


def accuracy(model, split):
    return float((predict(model, split[0]) == split[1]).mean())


def _optimizer(model, rate, decay):
    matrices = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


def _step(model, optimizer, batches, masks=None):
    """One optimizer step; weights that `masks` marks stay zero."""
    model.train()
    inputs, labels = batches.next()
    loss = nn.functional.cross_entropy(model(inputs), labels, label_smoothing=0.05)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if masks:
        with torch.no_grad():
            for weight, mask in masks:
                weight.mul_(mask)
    return loss.item()


def train(task, model, splits, seed):
    """Trains `model` in place: warm-up, then a cosine to zero; keeps the last state."""
    torch.manual_seed(seed)
    batches = Batches(task, splits["train"], seed)
    optimizer = _optimizer(model, task.rate, task.decay)
    warm_up = max(1, task.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: min(1.0, (i + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, i / task.steps))),
    )
    mean_loss = None
    for step in range(task.steps):
        loss = _step(model, optimizer, batches)
        schedule.step()
        mean_loss = loss if mean_loss is None else 0.99 * mean_loss + 0.01 * loss
        if (step + 1) % 100 == 0 or step + 1 == task.steps:
            share = accuracy(model, splits["validation"]) if (step + 1) % 300 == 0 else float("nan")
            log(task, f"step {step + 1}/{task.steps} loss {mean_loss:.3f} validation {share:.3f}")
    model.eval()


def tune_to(task, model, splits, dense_accuracy, target, tuning, seed, masks=None):
    """Tunes a compressed `model` only until it lies `target` below dense.

    Accuracies are shares on the validation split. Full fine-tuning would win
    nearly everything back and leave no trade-off, so this stops at the first
    state at most `target` below dense, or, when the last step jumped over the
    target, at the closer of the last two. Returns the validation accuracy.
    """
    torch.manual_seed(seed)
    batches = Batches(task, splits["train"], seed)
    optimizer = _optimizer(model, tuning.rate, 0.0)

    def drop():
        return dense_accuracy - accuracy(model, splits["validation"])

    now, steps = drop(), 0
    before = (copy.deepcopy(model.state_dict()), now)
    while now > target and steps < tuning.most_steps:
        before = (copy.deepcopy(model.state_dict()), now)
        stride = max(tuning.every, steps // 4)
        for _ in range(stride):
            _step(model, optimizer, batches, masks)
        steps += stride
        now = drop()
    if abs(before[1] - target) < abs(now - target):
        model.load_state_dict(before[0])
        now = before[1]
    model.eval()
    log(task, f"tuned {steps} steps: {100 * now:.1f} points below dense (target {100 * target:.1f})")
    return dense_accuracy - now
