#!/usr/bin/env python3
"""Writes what the threshold predictor learns from, or is tried on: one file of samples per network, OUT/NAME.jsonl.

    python tools/place/make_samples.py --sparseloom build/release/bin/sparseloom --out build/thresholds/train --set train
    python tools/place/make_samples.py --sparseloom build/release/bin/sparseloom --out build/thresholds/held-out --set held-out

A network is written as ONNX in each format (architectures.py), `sparseloom bench thresholds` costs it on the machines that ship
and on machines and states drawn around them, and the ONNX is removed. What is there already is kept, so that a stopped run goes on.
Needs requirements.txt. Sets: `train`; `validation` and `held-out`, of which nothing is trained on.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

import torch

import architectures
import formats

# The paper's networks and their whole families: never trained on.
HELD_OUT_FAMILIES = ("resnet", "resnext", "wide_resnet", "mobilenet_v3", "vit_", "swin_", "bert")
TOO_LARGE = ("regnet_y_128gf", "regnet_y_32gf", "regnet_x_32gf", "convnext_large", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l")
SAME_SHAPES = ("vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn")  # normalisation is folded into the convolutions
DRAWN = {"cnn": 140, "transformer": 70, "windowed": 40, "mlp": 20}
VALIDATION = {"cnn": 12, "transformer": 8, "windowed": 5, "mlp": 3}
PRUNED = 0.8


def train_set():
    left_out = (*HELD_OUT_FAMILIES, *TOO_LARGE, *SAME_SHAPES)
    published = [name for name in architectures.known() if not name.startswith(left_out)]
    return published + [f"{kind}-{seed}" for kind, count in DRAWN.items() for seed in range(count)]


def validation_set():
    return [f"{kind}-{10_000 + seed}" for kind, count in VALIDATION.items() for seed in range(count)]


SETS = {"train": train_set, "validation": validation_set, "held-out": lambda: list(architectures.PAPER)}


def write(name, arguments, pruned):
    """The samples of one network in all formats, and of its pruned self in FP32."""
    place = arguments.out / f"{name}.jsonl"
    if place.is_file():
        return
    with tempfile.TemporaryDirectory(dir=arguments.out) as folder:
        nets = architectures.write(name, pathlib.Path(folder), list(formats.FORMATS))
        if pruned:
            nets += architectures.write(name, pathlib.Path(folder), ["fp32"], PRUNED)
        unfinished = pathlib.Path(folder) / "samples"
        subprocess.run([arguments.sparseloom, "bench", "thresholds", *map(str, nets), "--machines", str(arguments.machines), "--seed",
                        str(arguments.seed), "--samples", str(unfinished)], check=True, stdout=subprocess.DEVNULL)
        unfinished.replace(place)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sparseloom", default="sparseloom", help="the program (default: that of the path)")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder")
    parser.add_argument("--set", choices=SETS, default="train")
    parser.add_argument("--machines", type=int, default=8, help="drawn per network, format and machine that ships (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the machines (default: %(default)s)")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    names = SETS[arguments.set]()
    random.Random(arguments.seed).shuffle(names)  # so that what a stopped run has written is a mixture
    torch.set_num_threads(1)
    for k, name in enumerate(names):
        pruned = arguments.set == "held-out" or random.Random(f"{arguments.seed} {name}").random() < 0.4
        write(name, arguments, pruned)
        print(f"{k + 1}/{len(names)} {name}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
