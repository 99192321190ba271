#!/usr/bin/env python3
"""Writes neural networks as ONNX files with random weights, batch 1: OUT/NAME.onnx, -fp16.onnx, -int8.onnx.

    python tools/place/architectures.py --out nets --formats fp32,fp16,int8                # the six networks of SparOA
    python tools/place/architectures.py --out nets densenet121 cnn-7 transformer-3         # others
    python tools/place/architectures.py --list

Names are those of the six, all classifiers of torchvision, and KIND-SEED for a network drawn at random. What a network costs
follows from its shapes and the types of its numbers; the numbers themselves are worthless. Needs requirements.txt.
"""
import argparse
import pathlib
import sys
import warnings

import onnx
import torch
import torchvision
from torch import nn

import formats
import random_networks

OPSET = 20
PAPER = ("resnet18", "mobilenet_v3_small", "vit_b_16", "swin_t", "resnet101", "bert_base")
SIZES = {"inception_v3": 299}


class Bert(nn.Module):
    """BERT-Base (Devlin et al. 2019): 12 blocks of width 768, 12 heads; hidden states and the pooled first one."""

    def __init__(self, width=768, depth=12, heads=12, words=30522, positions=512):
        super().__init__()
        self.words, self.positions, self.kinds = nn.Embedding(words, width), nn.Embedding(positions, width), nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width)
        blocks = []
        for _ in range(depth):
            blocks.append(nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value", "out")}))
            blocks[-1].update({"expand": nn.Linear(width, 4 * width), "contract": nn.Linear(4 * width, width),
                               "norm1": nn.LayerNorm(width), "norm2": nn.LayerNorm(width)})
        self.blocks, self.heads, self.pool = nn.ModuleList(blocks), heads, nn.Linear(width, width)

    def attention(self, block, x, mask):
        batch, length, width = x.shape
        q, k, v = (block[name](x).view(batch, length, self.heads, width // self.heads).transpose(1, 2) for name in ("query", "key", "value"))
        scores = q @ k.transpose(2, 3) / (width // self.heads) ** 0.5 + mask
        return block["out"]((torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(batch, length, width))

    def forward(self, input_ids, attention_mask, token_type_ids):
        places = torch.arange(input_ids.shape[1])
        x = self.norm(self.words(input_ids) + self.positions(places) + self.kinds(token_type_ids))
        mask = (1 - attention_mask[:, None, None].float()) * -10000.0
        for block in self.blocks:
            x = block["norm1"](x + self.attention(block, x, mask))
            x = block["norm2"](x + block["contract"](nn.functional.gelu(block["expand"](x))))
        return x, torch.tanh(self.pool(x[:, 0]))


def known():
    """Names of all that is not drawn at random."""
    return [*PAPER, *(name for name in torchvision.models.list_models(module=torchvision.models) if name not in PAPER)]


def make(name):
    """(model, example inputs, names of the inputs). ValueError: no such name."""
    torch.manual_seed(0)
    kind, _, seed = name.rpartition("-")
    if kind in random_networks.KINDS and seed.isdigit():
        model, example = random_networks.make(kind, int(seed))
        return model, example, ["x"]
    if name == "bert_base":
        tokens = torch.ones(1, 128, dtype=torch.int64)
        return Bert(), (tokens, tokens, torch.zeros_like(tokens)), ["input_ids", "attention_mask", "token_type_ids"]
    if name not in known():
        raise ValueError(f"network {name!r}: not known; allowed: {', '.join(known())}, and one of {', '.join(random_networks.KINDS)} with a seed, as cnn-7")
    more = {"init_weights": False, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
    size = SIZES.get(name, 224)
    return torchvision.models.get_model(name, weights=None, **more), (torch.rand(1, 3, size, size),), ["pixels"]


def export(name, path):
    """Writes the network in FP32."""
    model, example, inputs = make(name)
    torch.backends.mha.set_fastpath_enabled(False)  # it has no ONNX form
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(model.eval(), example, str(path), input_names=inputs, opset_version=OPSET, dynamo=False)


def write(name, out, wanted, sparsity=0.0):
    """Writes the formats `wanted` that are not there yet; their paths."""
    stem = name + (f"-pruned{round(100 * sparsity)}" if sparsity else "")
    paths = {kind: out / f"{stem}{'' if kind == 'fp32' else '-' + kind}.onnx" for kind in wanted}
    if all(path.is_file() for path in paths.values()):
        return list(paths.values())
    first = out / f".{stem}.exported"
    export(name, first)
    for kind, path in paths.items():
        model = onnx.load(first)  # each format changes it in place
        if sparsity:
            formats.pruned(model, sparsity)
        unfinished = out / f".{path.name}"
        onnx.save(formats.FORMATS[kind](model), unfinished)
        unfinished.replace(path)
    first.unlink(missing_ok=True)
    return list(paths.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: the six networks of SparOA")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("nets"), help="folder (default: %(default)s)")
    parser.add_argument("--formats", default="fp32", help=f"comma-separated of {', '.join(formats.FORMATS)} (default: %(default)s)")
    parser.add_argument("--sparsity", type=float, default=0, help="share of the weights that are zero, 0 to 0.99 (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="the names, and nothing else")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join([*known(), *(f"{kind}-SEED" for kind in random_networks.KINDS)]))
        return
    wanted = arguments.formats.split(",")
    for kind in wanted:
        if kind not in formats.FORMATS:
            parser.error(f"--formats: {kind!r}; allowed: {', '.join(formats.FORMATS)}")
    if not 0 <= arguments.sparsity < 1:
        parser.error(f"--sparsity: {arguments.sparsity}; allowed: 0 to 0.99")
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or PAPER:
        try:
            for path in write(name, arguments.out, wanted, arguments.sparsity):
                print(path, flush=True)
        except ValueError as wrong:
            parser.error(str(wrong))


if __name__ == "__main__":
    sys.exit(main())
