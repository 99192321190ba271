#!/usr/bin/env python3
"""Trains the network that predicts SparOA's thresholds, our reading of the paper, and writes it for `sparseloom place`.

    python tools/place/train_thresholds.py --train build/thresholds/train --validation build/thresholds/validation \\
        --held-out build/thresholds/held-out --out predictors

Samples come from make_samples.py. Of the same samples and seed the same network comes out on one machine. Needs requirements.txt.
"""
import argparse
import ctypes
import json
import pathlib
import sys
import time
import warnings

import numpy as np
import torch
from torch import nn

import samples as read_samples

FORMAT_VERSION = 1
ROWS = 512  # place::kMostFeatureRows
NAME = "sparoa-threshold"
WIDTH, HEADS, BLOCKS, SAID = 64, 4, 2, 32
INTENSITY_RANKS, ZEROS_RANKS = 0, 3  # where the three begin among the features of a group
SHRINK = 10  # sums over some hundred groups stay small numbers
ROUNDING = 3e-5  # of ranks; two differ by more than 8e-5 or not at all
EASY_SHARE, HARD_FROM, ALIKE = 0.2, 1.003, 1.5  # which samples an epoch shows: all hard ones, so many of the others
GOOD = 0.02  # how far above the best a latency still counts as good


class Block(nn.Module):
    """A Transformer encoder block that normalises first; attention sees what is not padding."""

    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.three, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.feed = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x, hidden):
        batch, rows, _ = x.shape
        q, k, v = (part.view(batch, rows, HEADS, WIDTH // HEADS).transpose(1, 2) for part in self.three(self.norm1(x)).split(WIDTH, 2))
        weights = torch.softmax(q @ k.transpose(2, 3) * (WIDTH // HEADS) ** -0.5 + hidden, -1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, rows, WIDTH))
        return x + self.feed(self.norm2(x))


class Predictor(nn.Module):
    """Scores of the steps of both thresholds, ρ* and I*: [batch, 2, steps], of groups [batch, rows, features], the machine
    [batch, features] and which rows are groups [batch, rows]: these come first.

    Blocks of a Transformer read the groups. A step of a threshold takes some of them to the CPU, which their ranks say: what
    the blocks make of those is summed up, and of those whose inputs lie on the other processor. An LSTM reads the sums step
    by step, as more and more groups go to the CPU, and back.
    """

    def __init__(self, group_features, machine_features, steps):
        super().__init__()
        self.steps = steps
        self.embed = nn.Linear(group_features + machine_features, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.say = nn.Linear(WIDTH, SAID)
        self.step = nn.Sequential(nn.Linear(3 * SAID + machine_features + 2, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.walk = nn.LSTM(WIDTH, WIDTH, batch_first=True, bidirectional=True)
        self.score = nn.Sequential(nn.Linear(2 * WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))

    def places(self):
        return torch.arange(self.steps, dtype=torch.float32) / (self.steps - 1)

    def sums(self, said, ranks, mask):
        """By step, of groups with these three ranks: over those on the CPU, over those that read across at least once."""
        places = self.places()[None, :, None] + ROUNDING
        own, least, greatest = ((ranks[:, None, :, k] <= places).float() * mask[:, None] for k in range(3))
        return torch.cat([over @ said for over in (own, (own - least).abs(), (own - greatest).abs())], 2)

    def forward(self, groups, machine, mask):
        everywhere = machine[:, None].expand(-1, groups.shape[1], -1)
        x = self.embed(torch.cat([groups, everywhere], 2))
        hidden = ((mask - 1) * 1e4)[:, None, None]
        for block in self.blocks:
            x = block(x, hidden)
        said = self.say(x) / SHRINK
        sums = torch.cat([self.sums(said, groups[:, :, first : first + 3], mask) for first in (ZEROS_RANKS, INTENSITY_RANKS)], 0)
        batch = len(machine)
        about = [machine[:, None].expand(-1, self.steps, -1), self.places()[None, :, None].expand(batch, -1, -1)]
        which = torch.cat([torch.zeros(batch, self.steps, 1), torch.ones(batch, self.steps, 1)], 0)
        steps = self.step(torch.cat([sums, *(part.repeat(2, 1, 1) for part in about), which], 2))
        scores = self.score(self.walk(steps)[0])[:, :, 0]
        return torch.stack([scores[:batch], scores[batch:]], 1)


def loss_of(scores, over_best):
    """-log of the weight on good pairs of thresholds, a pair's goodness falling with its latency, plus the expected log of the
    latency over the best."""
    both = torch.log_softmax(scores, 2)
    pairs = both[:, 0, :, None] + both[:, 1, None, :]
    goodness = torch.logsumexp((pairs - (over_best - 1) / GOOD).flatten(1), 1)
    return (-goodness + 10 * (pairs.exp() * over_best.log()).sum((1, 2))).mean()


class Data:
    def __init__(self, samples, group_scaling, machine_scaling):
        self.groups = [group_scaling(one) for one in samples.groups]
        self.machine, self.over_best, self.names = machine_scaling(samples.machine), samples.over_best, samples.names

    def batch(self, chosen):
        rows = max(len(self.groups[k]) for k in chosen)
        groups, mask = read_samples.padded([self.groups[k] for k in chosen], rows)
        return [torch.from_numpy(array) for array in (groups, self.machine[chosen], mask, self.over_best[chosen])]

    def hard(self):
        """Where neither processor alone is as good as the best, or both are nearly alike."""
        gpu, cpu = self.over_best[:, 0, 0], self.over_best[:, -1, -1]
        return (np.minimum(gpu, cpu) > HARD_FROM) | (np.maximum(gpu, cpu) < ALIKE)

    def batches(self, size, random):
        """Of easy samples some; those of like length together, so that little is padded."""
        order = random.permutation(np.flatnonzero(self.hard() | (random.random(len(self.groups)) < EASY_SHARE)))
        lengths = np.array([len(self.groups[k]) for k in order])
        order = order[np.argsort(lengths + random.uniform(0, 16, len(order)), kind="stable")]
        parts = [order[k : k + size] for k in range(0, len(order), size)]
        return [parts[k] for k in random.permutation(len(parts))]


def regret(network, data, size=64):
    """Latency by the predicted thresholds over the best, by sample."""
    found = np.zeros(len(data.groups))
    order = np.argsort([len(one) for one in data.groups], kind="stable")
    network.eval()
    with torch.no_grad():
        for k in range(0, len(order), size):
            chosen = order[k : k + size]
            groups, machine, mask, over_best = data.batch(chosen)
            best = network(groups, machine, mask).argmax(2)
            found[chosen] = over_best[torch.arange(len(chosen)), best[:, 0], best[:, 1]].numpy()
    network.train()
    return found


def summary(found):
    return {"samples": len(found), "mean": round(float(found.mean()), 4), "p99": round(float(np.quantile(found, 0.99)), 4),
            "worst": round(float(found.max()), 4), "within_1.05": round(float((found <= 1.05).mean()), 4)}


def train(network, data, validation, arguments):
    """The weights of the epoch that does best on the validation set, by mean."""
    random = np.random.default_rng(arguments.seed)
    steps = arguments.epochs * (len(data.batches(arguments.batch, np.random.default_rng(0))) + 5)
    optimizer = torch.optim.AdamW(network.parameters(), lr=arguments.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, arguments.rate, total_steps=steps, pct_start=0.1)
    best, kept, start = np.inf, None, time.monotonic()
    for epoch in range(arguments.epochs):
        losses = []
        for chosen in data.batches(arguments.batch, random):
            groups, machine, mask, over_best = data.batch(chosen)
            loss = loss_of(network(groups, machine, mask), over_best)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        found = summary(regret(network, validation))
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}, validation {found}, {time.monotonic() - start:.0f} s", flush=True)
        if found["mean"] < best:
            best, kept = found["mean"], {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(kept)


def write(network, arguments, group_scaling, machine_scaling, feature_set, training):
    arguments.out.mkdir(parents=True, exist_ok=True)
    example = (torch.zeros(1, ROWS, len(group_scaling.mean)), torch.zeros(1, len(machine_scaling.mean)), torch.zeros(1, ROWS))
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(network.eval(), example, str(arguments.out / f"{NAME}.onnx"), input_names=["groups", "machine", "mask"],
                          output_names=["scores"], opset_version=17, dynamo=False)
    numbers = lambda array: [float(f"{number:.6g}") for number in array]
    (arguments.out / f"{NAME}.json").write_text(json.dumps({
        "format_version": FORMAT_VERSION, "feature_set": feature_set, "network": f"{NAME}.onnx",
        "group_mean": numbers(group_scaling.mean), "group_scale": numbers(group_scaling.scale),
        "machine_mean": numbers(machine_scaling.mean),
        "machine_scale": numbers(machine_scaling.scale), "training": training}, indent=1) + "\n")


def keep_memory():
    """Has the C library keep memory that is freed: giving it back and taking it anew was a third of the time."""
    libc = ctypes.CDLL(None)
    for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
        libc.mallopt(option, 1 << 30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("train", "validation", "held-out"):
        parser.add_argument(f"--{name}", required=True, metavar="FOLDER", help="of samples")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("predictors"), help="folder (default: %(default)s)")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    keep_memory()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    sets = {name: read_samples.read(getattr(arguments, name)) for name in ("train", "validation", "held_out")}
    group_scaling = read_samples.Scaling.of(np.concatenate(sets["train"].groups), keep=6)  # ranks stay what they are
    machine_scaling = read_samples.Scaling.of(sets["train"].machine)
    data = {name: Data(samples, group_scaling, machine_scaling) for name, samples in sets.items()}
    print(f"{len(sets['train'])} samples of {len({name[0] for name in sets['train'].names})} models", flush=True)
    network = Predictor(len(group_scaling.mean), len(machine_scaling.mean), sets["train"].over_best.shape[1])
    train(network, data["train"], data["validation"], arguments)
    results = {name: summary(regret(network, one)) for name, one in data.items()}
    for name, result in results.items():
        print(f"{name}: {result}")
    training = {"seed": arguments.seed, "epochs": arguments.epochs, "models": len({name[0] for name in sets["train"].names}),
                "samples": len(sets["train"]), "held_out": results["held_out"]}
    write(network, arguments, group_scaling, machine_scaling, sets["train"].feature_set, training)


if __name__ == "__main__":
    sys.exit(main())
