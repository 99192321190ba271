"""Other number formats of an FP32 ONNX model, for what a cost model sees: types and shapes, not what numbers are good for."""
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPENVINO_DOMAIN = "org.openvinotoolkit"
MULTIPLY = ("Conv", "MatMul", "Gemm", "ConvTranspose")
QUANTIZED_FROM = -4.0, 4.0  # the range of what is read; any would do


def to_fp16(model):
    """Every float of the model as a half: weights, what it computes, what it reads and returns."""
    def half(array):
        return array.astype(np.float16) if array.dtype == np.float32 else array

    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(half(numpy_helper.to_array(tensor)), tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t") and attribute.t.data_type == TensorProto.FLOAT:
                attribute.t.CopyFrom(numpy_helper.from_array(half(numpy_helper.to_array(attribute.t)), attribute.t.name))
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
    del model.graph.value_info[:]
    for port in [*model.graph.input, *model.graph.output]:
        if port.type.tensor_type.elem_type == TensorProto.FLOAT:
            port.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def to_int8(model):
    """Weights as 8-bit integers, and a quantizer before each other operand of what multiplies.

    The quantizer is OpenVINO's FakeQuantize, by which sparseloom tells that an operator computes in INT8.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    low, high = (numpy_helper.from_array(np.float32(bound), f"quantized/{bound}") for bound in QUANTIZED_FROM)
    nodes, done = [], {}
    for node in model.graph.node:
        for k, name in enumerate(node.input[:2] if node.op_type in MULTIPLY else []):
            if name not in done:
                if name in weights and weights[name].dims:
                    done[name] = _integers(model.graph, weights[name], nodes)
                else:
                    done[name] = name + "/quantized"
                    nodes.append(helper.make_node("FakeQuantize", [name, low.name, high.name, low.name, high.name], [done[name]],
                                                  name=done[name], domain=OPENVINO_DOMAIN, levels=256))
            node.input[k] = done[name]
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend([low, high])
    model.opset_import.append(helper.make_opsetid(OPENVINO_DOMAIN, 1))
    return model


def _integers(graph, tensor, nodes):
    """Replaces a weight by integers and their scale; the name of the floats that they stand for."""
    values = numpy_helper.to_array(tensor)
    scale = max(float(np.abs(values).max()), 1e-6) / 127
    integers = np.round(values / scale).astype(np.int8)
    integers[(integers == 0) & (values != 0)] = 1  # zeros are what pruning made, no more
    name = tensor.name
    graph.initializer.remove(tensor)
    graph.initializer.extend([numpy_helper.from_array(integers, name), numpy_helper.from_array(np.float32(scale), name + "/scale")])
    nodes.append(helper.make_node("DequantizeLinear", [name, name + "/scale"], [name + "/floats"], name=name + "/floats"))
    return name + "/floats"


def pruned(model, share, seed=0):
    """That share of the weights of what multiplies set to zero, anywhere."""
    random = np.random.default_rng(seed)
    used = {name for node in model.graph.node if node.op_type in MULTIPLY for name in node.input[:2]}
    for tensor in model.graph.initializer:
        if tensor.name in used and tensor.data_type == TensorProto.FLOAT and len(tensor.dims) > 1:
            values = numpy_helper.to_array(tensor).copy()
            values[random.random(values.shape, np.float32) < share] = 0
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


FORMATS = {"fp32": lambda model: model, "fp16": to_fp16, "int8": to_int8}
