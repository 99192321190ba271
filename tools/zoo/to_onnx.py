#!/usr/bin/env python3
"""Writes the ONNX form of OpenVINO IR models, so that ONNX Runtime can run them too: model.onnx beside each model.xml.

Usage: to_onnx.py MODEL.xml...

The ONNX file holds the structure alone: its weights are external data in the IR's own model.bin, byte for byte. Tensors
keep the names that OpenVINO knows them by, so that both forms are cut at the same places. Layers whose place no cut
needs are written as ONNX Runtime likes them: a bias into its convolution, scale and shift into a layer normalisation,
FakeQuantize as QuantizeLinear and DequantizeLinear, compressed weights as DequantizeLinear.

Knows the layers that the zoos' models consist of; any other is an error that names it. Needs onnx (requirements.txt).
"""
import pathlib
import sys
import xml.etree.ElementTree as ET

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
INLINE_BYTES = 256  # smaller constants are written into the file
TYPES = {"f32": TensorProto.FLOAT, "f16": TensorProto.FLOAT16, "i64": TensorProto.INT64, "i32": TensorProto.INT32,
         "i8": TensorProto.INT8, "u8": TensorProto.UINT8, "boolean": TensorProto.BOOL}
PRECISIONS = {"FP32": "f32", "FP16": "f16", "I64": "i64", "I32": "i32", "I8": "i8", "U8": "u8", "BOOL": "boolean"}
NUMPY = {"f32": np.float32, "f16": np.float16, "i64": np.int64, "i32": np.int32, "i8": np.int8, "u8": np.uint8, "boolean": np.bool_}
SAME = {"Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "Divide": "Div", "ReLU": "Relu", "Tanh": "Tanh", "Sigmoid": "Sigmoid",
        "Equal": "Equal", "MatMul": "MatMul"}


class Layer:
    def __init__(self, xml):
        self.id, self.name, self.type = xml.get("id"), xml.get("name"), xml.get("type")
        data = xml.find("data")
        self.data = dict(data.attrib) if data is not None else {}
        ports = xml.find("output")
        self.ports = {p.get("id"): (PRECISIONS.get(p.get("precision")), [int(d.text) for d in p.findall("dim")])
                      for p in (ports if ports is not None else [])}
        self.inputs = {}     # port -> (layer, its port)
        self.consumers = []  # layers

    def sources(self):
        return [source for _, (source, _) in sorted(self.inputs.items(), key=lambda i: int(i[0]))]

    def shape(self):
        return next(iter(self.ports.values()))[1]

    def element(self):
        return next(iter(self.ports.values()))[0]

    def numbers(self, key):
        return [int(n) for n in self.data[key].split(",")] if self.data.get(key) else []


class Converter:
    def __init__(self, path):
        self.path = path
        root = ET.parse(path).getroot()
        self.layers = {layer.id: layer for layer in map(Layer, root.find("layers"))}
        for edge in root.find("edges"):
            source, target = self.layers[edge.get("from-layer")], self.layers[edge.get("to-layer")]
            target.inputs[edge.get("to-port")] = (source, edge.get("from-port"))
            source.consumers.append(target)
        self.weights = path.with_suffix(".bin")
        self.nodes, self.initializers, self.known = [], [], {}
        self.absorbed = set()  # layers that another one's node computes

    # --- constants
    def value(self, layer):
        """A constant's numbers."""
        data = self.weights.read_bytes()[int(layer.data["offset"]):][:int(layer.data["size"])]
        return np.frombuffer(data, NUMPY[layer.data["element_type"]]).reshape(layer.shape())

    def constant(self, name, array):
        """A small constant of our own."""
        if name not in self.known:
            self.known[name] = True
            self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def stored(self, layer, dims=None):
        """A constant of the IR as an initializer."""
        if layer.name in self.known:
            return layer.name
        if int(layer.data["size"]) <= INLINE_BYTES:
            return self.constant(layer.name, self.value(layer).reshape(dims if dims is not None else layer.shape()))
        self.known[layer.name] = True
        tensor = TensorProto(name=layer.name, data_type=TYPES[layer.data["element_type"]], dims=dims or layer.shape(),
                             data_location=TensorProto.EXTERNAL)
        for key, value in (("location", self.weights.name), ("offset", layer.data["offset"]), ("length", layer.data["size"])):
            tensor.external_data.add(key=key, value=value)
        self.initializers.append(tensor)
        return layer.name

    def quantized(self, layer):
        """(integers, scale, zero point or None) if the layer is compressed weights: Const, Convert, (Subtract,) Multiply."""
        if layer.type != "Multiply" or layer.sources()[1].type != "Const":
            return None
        inner, scale, zero = layer.sources()[0], layer.sources()[1], None
        if inner.type == "Subtract":
            zero, inner = inner.sources()[1], inner.sources()[0]
            zero = zero.sources()[0] if zero.type == "Convert" else zero
        if inner.type != "Convert" or inner.sources()[0].type != "Const":
            return None
        integers = inner.sources()[0]
        return (integers, scale, zero) if integers.data["element_type"] in ("i8", "u8") else None

    def weight(self, layer, dims=None, transpose=False):
        """A weight as its consumer takes it: `dims` in place of its own, or transposed (two dimensions)."""
        found = self.quantized(layer)
        if not found:
            name = self.tensor(layer) if layer.type != "Const" else self.stored(layer, dims)
            if layer.type != "Const" and dims:
                raise ValueError(f"{self.path}: '{layer.name}': weights of this form are not known")
            return self.node("Transpose", [name], name + "/transposed", perm=[1, 0]) if transpose else name
        integers, scale, zero = found
        axes = [a for a, extent in enumerate(scale.shape()) if extent > 1]
        if len(axes) > 1:
            raise ValueError(f"{self.path}: '{layer.name}': scales along more than one axis")
        name = self.stored(integers, dims)
        if transpose:  # before it becomes floats: a quantized product is recognised by its neighbours
            name = self.node("Transpose", [name], name + "/transposed", perm=[1, 0])
        axis = 0 if dims else (axes[0] if axes else 0)
        axis = 1 - axis if transpose else axis
        flat = lambda array: array.reshape(-1) if array.size > 1 else array.reshape(())
        inputs = [name, self.constant(scale.name + "/flat", flat(self.value(scale).astype(np.float32)))]
        if zero is not None:
            inputs.append(self.constant(zero.name + "/flat", flat(self.value(zero).astype(NUMPY[integers.data["element_type"]]))))
        return self.node("DequantizeLinear", inputs, layer.name + ("/transposed" if transpose else ""), axis=axis)

    # --- nodes
    def node(self, op, inputs, output, **attributes):
        if output not in self.known:
            self.known[output] = True
            self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def tensor(self, layer):
        """The name of a layer's (only) output, computed first if it is not there yet."""
        if layer.name in self.known or layer.type == "Parameter":
            return layer.name
        if layer.type == "Const":
            return self.stored(layer)
        if self.quantized(layer):
            return self.weight(layer)
        self.emit(layer)
        return layer.name

    def only_consumer(self, layer, kind):
        """The layer that alone uses this one, if it is of that kind and combines it with a constant of as many axes."""
        if len(layer.consumers) != 1 or layer.consumers[0].type != kind:
            return None
        after = layer.consumers[0]
        other = [s for s in after.sources() if s is not layer]
        return (after, other[0]) if len(other) == 1 and other[0].type == "Const" else None

    def emit(self, layer):
        sources, kind = layer.sources(), layer.type
        if kind in ("Convolution", "GroupConvolution"):
            return self.convolution(layer, layer.name, None)
        if kind == "Add":  # a bias
            for own, other in (sources, reversed(sources)):
                if own.type in ("Convolution", "GroupConvolution") and len(own.consumers) == 1 and own.name not in self.known \
                        and other.type == "Const" and other.shape() == [1, own.shape()[1]] + [1] * (len(own.shape()) - 2):
                    return self.convolution(own, layer.name, other)
            normalised = self.normalised(layer)
            if normalised:
                return normalised
        if kind == "MVN":
            return self.layer_norm(layer, layer.name, None, None)
        if kind == "MatMul":
            a, b = sources
            if layer.data["transpose_a"] == "true":
                raise ValueError(f"{self.path}: '{layer.name}': MatMul with its first input transposed")
            transpose = layer.data["transpose_b"] == "true"
            constant = b.type == "Const" or self.quantized(b)
            if constant and len(b.shape()) == 2:
                right = self.weight(b, transpose=transpose)
            else:
                right = self.tensor(b)
                if transpose:
                    axes = list(range(len(b.shape())))
                    right = self.node("Transpose", [right], layer.name + "/b", perm=axes[:-2] + [axes[-1], axes[-2]])
            return self.node("MatMul", [self.tensor(a), right], layer.name)
        if kind == "FakeQuantize":
            return self.fake_quantize(layer)
        if kind == "ScaledDotProductAttention":
            return self.attention(layer)
        if kind == "Convert":
            return self.node("Cast", [self.tensor(sources[0])], layer.name, to=TYPES[layer.data["destination_type"]])
        if kind == "Gelu":
            return self.gelu(layer)
        if kind in SAME:
            return self.node(SAME[kind], [self.tensor(s) for s in sources], layer.name)
        if kind == "Softmax":
            return self.node("Softmax", [self.tensor(sources[0])], layer.name, axis=int(layer.data["axis"]))
        if kind == "Concat":
            return self.node("Concat", [self.tensor(s) for s in sources], layer.name, axis=int(layer.data["axis"]))
        if kind == "MaxPool":
            if layer.data.get("rounding_type", "floor") != "floor":
                raise ValueError(f"{self.path}: '{layer.name}': MaxPool of this kind")
            return self.node("MaxPool", [self.tensor(sources[0])], layer.name, kernel_shape=layer.numbers("kernel"),
                             strides=layer.numbers("strides"), pads=layer.numbers("pads_begin") + layer.numbers("pads_end"))
        values = [self.value(s) for s in sources[1:] if s.type == "Const"]
        if len(values) == len(sources) - 1:  # what is not data is constant
            first = self.tensor(sources[0])
            if kind == "Transpose":
                return self.node("Transpose", [first], layer.name, perm=[int(a) for a in values[0]])
            if kind in ("Reshape", "Unsqueeze", "Squeeze"):
                wanted = self.constant(layer.name + "/wanted", values[0].astype(np.int64).reshape(-1))
                return self.node(kind, [first, wanted], layer.name)
            if kind == "ReduceMean":
                return self.node("ReduceMean", [first], layer.name, axes=[int(a) for a in values[0].reshape(-1)],
                                 keepdims=int(layer.data["keep_dims"] == "true"))
            if kind == "ReduceSum":
                axes = self.constant(layer.name + "/axes", values[0].astype(np.int64).reshape(-1))
                return self.node("ReduceSum", [first, axes], layer.name, keepdims=int(layer.data["keep_dims"] == "true"))
        if kind == "Gather" and layer.data.get("batch_dims", "0") == "0" and sources[2].type == "Const":
            return self.node("Gather", [self.tensor(sources[0]), self.tensor(sources[1])], layer.name,
                             axis=int(self.value(sources[2]).reshape(-1)[0]))
        raise ValueError(f"{self.path}: '{layer.name}': layer {kind} is not known")

    def convolution(self, layer, output, bias):
        data, weights = layer.sources()
        shape, groups, dims = weights.shape(), 1, None
        if layer.type == "GroupConvolution":
            groups, dims = shape[0], [shape[0] * shape[1]] + shape[2:]
        inputs = [self.tensor(data), self.weight(weights, dims)]
        if bias is not None:
            inputs.append(self.constant(bias.name + "/flat", self.value(bias).reshape(-1)))
        return self.node("Conv", inputs, output, group=groups, strides=layer.numbers("strides"), dilations=layer.numbers("dilations"),
                         pads=layer.numbers("pads_begin") + layer.numbers("pads_end"))

    def normalised(self, add):
        """Add(Multiply(MVN, scale), shift): a layer normalisation whose inner tensors nobody else uses."""
        for multiply, shift in (add.sources(), reversed(add.sources())):
            if multiply.type != "Multiply" or len(multiply.consumers) != 1 or shift.type != "Const":
                continue
            for mvn, scale in (multiply.sources(), reversed(multiply.sources())):
                if mvn.type != "MVN" or len(mvn.consumers) != 1 or scale.type != "Const" or mvn.name in self.known:
                    continue
                width = mvn.shape()[-1]
                if scale.shape()[-1:] == [width] and int(np.prod(scale.shape())) == width and int(np.prod(shift.shape())) == width:
                    return self.layer_norm(mvn, add.name, scale, shift)
        return None

    def layer_norm(self, mvn, output, scale, shift):
        data, axes = mvn.sources()
        rank = len(mvn.shape())
        if sorted(int(a) % rank for a in self.value(axes).reshape(-1)) != [rank - 1] or mvn.data["eps_mode"] != "INSIDE_SQRT":
            raise ValueError(f"{self.path}: '{mvn.name}': MVN over other than the last axis")
        width = mvn.shape()[-1]
        ones = self.constant(f"ones/{width}", np.ones(width, np.float32)) if scale is None else \
            self.constant(scale.name + "/flat", self.value(scale).reshape(-1))
        inputs = [self.tensor(data), ones]
        if shift is not None:
            inputs.append(self.constant(shift.name + "/flat", self.value(shift).reshape(-1)))
        return self.node("LayerNormalization", inputs, output, axis=-1, epsilon=float(mvn.data["eps"]))

    def fake_quantize(self, layer):
        data, *bounds = layer.sources()
        low, high, out_low, out_high = (self.value(b).astype(np.float64) for b in bounds)
        if layer.data["levels"] != "256" or (low != out_low).any() or (high != out_high).any():
            raise ValueError(f"{self.path}: '{layer.name}': only FakeQuantize to 256 levels of one range is known")
        axes = [a for a, extent in enumerate(low.shape) if extent > 1]
        if len(axes) > 1:
            raise ValueError(f"{self.path}: '{layer.name}': ranges along more than one axis")
        scale = (high - low) / 255
        zero = np.rint(-low / scale)
        if (np.abs(zero + low / scale) > 0.05).any() or (zero < 0).any() or (zero > 255).any():
            raise ValueError(f"{self.path}: '{layer.name}': zero is not one of the levels")
        flat = lambda array: array.reshape(-1) if array.size > 1 else array.reshape(())
        parameters = [self.constant(layer.name + "/scale", flat(scale).astype(np.float32)),
                      self.constant(layer.name + "/zero", flat(zero).astype(np.uint8))]
        axis = axes[0] if axes else 1
        integers = self.node("QuantizeLinear", [self.tensor(data), *parameters], layer.name + "/integers", axis=axis)
        return self.node("DequantizeLinear", [integers, *parameters], layer.name, axis=axis)

    def attention(self, layer):
        if layer.data.get("causal", "false") != "false":
            raise ValueError(f"{self.path}: '{layer.name}': causal attention")
        query, key, value, *rest = layer.sources()
        axes = list(range(len(key.shape())))
        turned = self.node("Transpose", [self.tensor(key)], layer.name + "/key", perm=axes[:-2] + [axes[-1], axes[-2]])
        scores = self.node("MatMul", [self.tensor(query), turned], layer.name + "/scores")
        if len(rest) > 1:
            scale = self.tensor(rest[1])
        else:
            scale = self.constant(layer.name + "/scale", np.float32(1 / np.sqrt(query.shape()[-1])))
        scores = self.node("Mul", [scores, scale], layer.name + "/scaled")
        if rest and not (rest[0].type == "Const" and not self.value(rest[0]).any()):
            if rest[0].element() != "f32":
                raise ValueError(f"{self.path}: '{layer.name}': attention mask of {rest[0].element()}")
            scores = self.node("Add", [scores, self.tensor(rest[0])], layer.name + "/masked")
        weights = self.node("Softmax", [scores], layer.name + "/weights", axis=-1)
        return self.node("MatMul", [weights, self.tensor(value)], layer.name)

    def gelu(self, layer):
        if layer.data.get("approximation_mode", "ERF") != "ERF":
            raise ValueError(f"{self.path}: '{layer.name}': approximated GELU")
        x = self.tensor(layer.sources()[0])
        part = self.node("Div", [x, self.constant("gelu/root", np.float32(np.sqrt(2)))], layer.name + "/div")
        part = self.node("Erf", [part], layer.name + "/erf")
        part = self.node("Add", [part, self.constant("gelu/one", np.float32(1))], layer.name + "/add")
        part = self.node("Mul", [x, part], layer.name + "/mul")
        return self.node("Mul", [part, self.constant("gelu/half", np.float32(0.5))], layer.name)

    def model(self):
        info = lambda layer: helper.make_tensor_value_info(layer.name, TYPES[layer.element()], layer.shape())
        sys.setrecursionlimit(100000)
        results = [layer.sources()[0] for layer in self.layers.values() if layer.type == "Result"]
        for result in results:
            self.tensor(result)
        inputs = [info(layer) for layer in self.layers.values() if layer.type == "Parameter"]
        graph = helper.make_graph(self.nodes, self.path.parent.name, inputs, [info(layer) for layer in results], self.initializers)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION,
                                 producer_name="sparseloom")


def write(path):
    target = path.with_suffix(".onnx")
    onnx.save(Converter(path).model(), str(target))
    onnx.checker.check_model(str(target))
    return target


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[1:]:
        print(write(pathlib.Path(name)))
