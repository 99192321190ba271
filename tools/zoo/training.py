"""Seeded training, and two ways in which a compressed model recovers: tuning that
stops at a chosen loss of accuracy, and distillation."""

import copy
import dataclasses
import math
import sys
import time

import numpy as np
import torch
from torch import nn

BATCH = 64
TEMPERATURE = 2.0  # of distillation


@dataclasses.dataclass(frozen=True)
class Reference:
    """The dense model, evaluating, and its accuracy (a share) on the validation split."""

    model: nn.Module
    accuracy: float


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


def _distance(logits, wanted):
    """Kullback-Leibler divergence of softened answers (Hinton et al., arXiv
    1503.02531, section 2)."""
    answers, wanted = (nn.functional.log_softmax(x / TEMPERATURE, dim=1) for x in (logits, wanted))
    return TEMPERATURE**2 * nn.functional.kl_div(answers, wanted, log_target=True, reduction="batchmean")


def _step(model, optimizer, batches, masks=None, teacher=None):
    """One optimizer step, towards the labels or, if there is a `teacher`, towards
    its answers; weights that `masks` marks stay zero."""
    model.train()
    inputs, labels = batches.next()
    if teacher is None:
        loss = nn.functional.cross_entropy(model(inputs), labels, label_smoothing=0.05)
    else:
        with torch.no_grad():
            wanted = teacher(inputs)
        loss = _distance(model(inputs), wanted)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if masks:
        with torch.no_grad():
            for weight, mask in masks:
                weight.mul_(mask)
    return loss.item()


def _schedule(optimizer, steps):
    """Warm-up, then a cosine to zero."""
    warm_up = max(1, steps // 20)
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: min(1.0, (i + 1) / warm_up) * 0.5 * (1 + math.cos(math.pi * min(1.0, i / steps))),
    )


def train(task, model, splits, seed):
    """Trains `model` in place: warm-up, then a cosine to zero; keeps the last state."""
    torch.manual_seed(seed)
    batches = Batches(task, splits["train"], seed)
    optimizer = _optimizer(model, task.rate, task.decay)
    schedule = _schedule(optimizer, task.steps)
    mean_loss = None
    for step in range(task.steps):
        loss = _step(model, optimizer, batches)
        schedule.step()
        mean_loss = loss if mean_loss is None else 0.99 * mean_loss + 0.01 * loss
        if (step + 1) % 100 == 0 or step + 1 == task.steps:
            share = accuracy(model, splits["validation"]) if (step + 1) % 300 == 0 else float("nan")
            log(task, f"step {step + 1}/{task.steps} loss {mean_loss:.3f} validation {share:.3f}")
    model.eval()


@dataclasses.dataclass(frozen=True)
class Tuning:
    """Towards the labels, only until the model lies a target below dense.

    Full fine-tuning would win nearly everything back and leave no trade-off, so
    this stops at the first state at most so far below dense on the validation
    split, or, when the last step jumped over the target, at the closer of the
    last two.
    """

    rate: float = 5e-5
    every: int = 1  # optimizer steps between the first looks at the validation split
    most_steps: int = 80

    def recover(self, task, model, splits, dense, points, seed, masks=None):
        """Tunes `model` in place to `points` below `dense`."""
        torch.manual_seed(seed)
        batches = Batches(task, splits["train"], seed)
        optimizer = _optimizer(model, self.rate, 0.0)
        target = points / 100

        def drop():
            return dense.accuracy - accuracy(model, splits["validation"])

        now, steps = drop(), 0
        before = (copy.deepcopy(model.state_dict()), now)
        while now > target and steps < self.most_steps:
            before = (copy.deepcopy(model.state_dict()), now)
            stride = max(self.every, steps // 4)
            for _ in range(stride):
                _step(model, optimizer, batches, masks)
            steps += stride
            now = drop()
        if abs(before[1] - target) < abs(now - target):
            model.load_state_dict(before[0])
            now = before[1]
        model.eval()
        log(task, f"tuned {steps} steps: {100 * now:.1f} points below dense (target {points:.1f})")


@dataclasses.dataclass(frozen=True)
class Distillation:
    """Towards the dense model's answers, for a number of steps: warm-up, then a
    cosine to zero. What follows dense on the train split follows it on other
    people and voices too; what learns the labels again does not."""

    rate: float

    def recover(self, task, model, splits, dense, steps, seed, masks=None):
        """Trains `model` in place for `steps`."""
        torch.manual_seed(seed)
        batches = Batches(task, splits["train"], seed)
        optimizer = _optimizer(model, self.rate, 0.0)
        schedule = _schedule(optimizer, steps)
        for _ in range(steps):
            _step(model, optimizer, batches, masks, dense.model)
            schedule.step()
        model.eval()
        below = 100 * (dense.accuracy - accuracy(model, splits["validation"]))
        log(task, f"distilled {steps} steps: {below:.1f} points below dense")
