#!/usr/bin/env python3
"""Zeroes the smallest weights of every linear layer and convolution of a model.

No training: what comes out is as fast and as large as a well pruned model, and
useless otherwise. For `sparseloom bench model`.

    .venv/bin/python tools/prune_model.py model.xml pruned.xml --sparsity 0.9

Reads anything that OpenVINO reads, writes an OpenVINO IR. Quantized weights
(i8) stay quantized, but with --floats: then they are the floats that they
stand for, which makes an exact `--reference`. Layers that read an image (three inputs) stay dense.
"""
import argparse

import numpy
import openvino
from openvino import opset13


def prune(weights, sparsity, together):
    """The weights [outputs, ...] with the smallest blocks zeroed; `together`
    neighbouring inputs of an output make a block."""
    rows = weights.reshape(weights.shape[0], -1).astype(numpy.float32)
    padding = -rows.shape[1] % together
    blocks = numpy.pad(rows, ((0, 0), (0, padding))).reshape(-1, together)
    size = (blocks ** 2).sum(axis=1)
    kept = numpy.ones(len(blocks), bool)
    kept[numpy.argsort(size, kind="stable")[: int(len(blocks) * sparsity)]] = False
    kept = numpy.repeat(kept, together).reshape(rows.shape[0], -1)[:, : rows.shape[1]]
    return (weights.reshape(rows.shape) * kept.astype(weights.dtype)).reshape(weights.shape)


def weights_of(layer):
    """The constant that holds a layer's weights, behind conversions and scales."""
    node = layer.input_value(1).get_node()
    while node.get_type_name() in ("Convert", "Multiply"):
        node = node.input_value(0).get_node()
    return node if node.get_type_name() == "Constant" else None


def outputs_first(layer, weights):
    """Axes that bring the outputs to the front; the same brings them back."""
    axes = list(range(weights.ndim))
    if layer.get_type_name() == "MatMul" and not layer.get_attributes()["transpose_b"]:
        axes = axes[:-2] + axes[:-3:-1]
    return axes


def as_floats(model):
    """Replaces i8 weights and their scales by the numbers that they stand for."""
    for product in model.get_ordered_ops():
        if product.get_type_name() != "Multiply":
            continue
        converted, scale = (product.input_value(k).get_node() for k in range(2))
        if converted.get_type_name() != "Convert" or scale.get_type_name() != "Constant":
            continue
        integers = converted.input_value(0).get_node()
        if integers.get_type_name() == "Constant" and integers.get_element_type().get_type_name() == "i8":
            values = integers.get_data().astype(numpy.float32) * scale.get_data()
            product.output(0).replace(opset13.constant(values.astype(numpy.float32)).output(0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--sparsity", type=float, default=0.9)
    parser.add_argument("--blocks", action="store_true", help="four neighbouring inputs of an output together")
    parser.add_argument("--floats", action="store_true", help="write quantized weights as the floats they stand for")
    options = parser.parse_args()
    if not 0 <= options.sparsity <= 1:
        parser.error(f"--sparsity {options.sparsity}: allowed are 0..1")
    model = openvino.Core().read_model(options.model)
    layers = 0
    for layer in model.get_ordered_ops():
        constant = weights_of(layer) if layer.get_type_name() in ("MatMul", "Convolution") else None
        if constant is None or constant.get_element_type().get_type_name() not in ("f32", "f16", "i8"):
            continue
        weights = constant.get_data()
        if weights.ndim < 2 or (weights.ndim == 4 and weights.shape[1] == 3):
            continue
        axes = outputs_first(layer, weights)
        pruned = prune(weights.transpose(axes), options.sparsity, 4 if options.blocks else 1).transpose(axes)
        new = opset13.constant(numpy.ascontiguousarray(pruned))
        new.set_friendly_name(constant.get_friendly_name())
        constant.output(0).replace(new.output(0))
        layers += 1
    if options.floats:
        as_floats(model)
    openvino.save_model(model, options.out, compress_to_fp16=False)
    print(f"{options.out}: {layers} layers pruned")


if __name__ == "__main__":
    main()
