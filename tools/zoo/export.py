"""From torch models to OpenVINO files: conversion, INT8, cuts, accuracy."""

import re
import warnings

import numpy as np
import openvino as ov

SINGLE_THREAD = {
    "NUM_STREAMS": 1,
    "INFERENCE_NUM_THREADS": 1,
    "ENABLE_CPU_PINNING": False,
    "INFERENCE_PRECISION_HINT": "f32",
}


def convert(task, model, sample):
    """`model` as an OpenVINO model of batch 1 whose inputs and output are named
    as the task says. `sample` holds one stored value [1, ...] of every input."""
    import torch

    model.eval()
    example = tuple(torch.from_numpy(array) for array in sample)
    shapes = [list(array.shape) for array in sample]
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        found = ov.convert_model(model, example_input=example if len(example) > 1 else example[0], input=shapes)
    for port, (name, _) in zip(found.inputs, task.inputs, strict=True):
        port.get_node().set_friendly_name(name)
        port.get_tensor().set_names({name})
    found.outputs[0].get_tensor().set_names({"logits"})
    found.validate_nodes_and_infer_types()
    return found


def quantize(task, model, samples):
    """INT8 by NNCF post-training quantization, calibrated on `samples`, an array
    [N, ...] for every input.

    The overflow fix keeps products within 16 bits, so that accuracy is the same
    on CPUs with and without VNNI.
    """
    import nncf

    advanced = nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE)
    return nncf.quantize(
        model,
        nncf.Dataset([[array[i : i + 1] for array in samples] for i in range(len(samples[0]))]),
        model_type=nncf.ModelType.TRANSFORMER if task.transformer else None,
        subset_size=len(samples[0]),
        advanced_parameters=advanced,
    )


def save(model, path, onnx):
    """Writes model.xml and model.bin without meta data that differs per machine, and if wanted the same as ONNX beside
    them."""
    for key in ("nncf", "optimization", "conversion_parameters"):
        if model.has_rt_info([key]):
            model.set_rt_info("", [key])
    ov.save_model(model, str(path), compress_to_fp16=False)
    if onnx:
        import to_onnx  # as nncf above: only building needs it

        to_onnx.write(path)


def _macs(node):
    """Multiply-accumulates of a MatMul or Convolution, 0 for others."""
    kind = node.get_type_name()
    if kind not in ("MatMul", "Convolution"):
        return 0
    out = int(np.prod(list(node.get_output_shape(0))))
    if kind == "Convolution":
        return out * int(np.prod(list(node.get_input_shape(1))[1:]))
    shape = list(node.get_input_shape(0))
    return out * (shape[-2] if node.get_attributes().get("transpose_a") else shape[-1])


def _live(model):
    """Names of nodes that depend on an input (not on constants alone)."""
    live = set()
    for node in model.get_ordered_ops():
        if node.get_type_name() == "Parameter":
            live.add(node.get_friendly_name())
        elif any(v.get_node().get_friendly_name() in live for v in node.input_values()):
            live.add(node.get_friendly_name())
    return live


def _crossing(model, name):
    """Tensors that leave what `name` depends on, for the rest: a cut behind `name`."""
    nodes = {n.get_friendly_name(): n for n in model.get_ordered_ops()}
    live, before, stack = _live(model), set(), [name]
    while stack:
        here = stack.pop()
        if here in live and here not in before:
            before.add(here)
            stack += [v.get_node().get_friendly_name() for v in nodes[here].input_values()]
    crossing, macs = set(), sum(_macs(nodes[n]) for n in before)
    for n in before:
        users = [t.get_node().get_friendly_name() for o in nodes[n].outputs() for t in o.get_target_inputs()]
        if any(user not in before for user in users):
            crossing.add(n)
    return sorted(crossing, key=lambda n: (n != name, n)), macs


def choose_cuts(task, model, parts):
    """`parts` - 1 cuts that split the multiply-accumulates best, each behind the last
    node under one of the places that `task.boundary` matches: a block's residual
    sum, or what follows it."""
    ends, live = {}, _live(model)
    for node in model.get_ordered_ops():
        place = re.match(task.boundary, node.get_friendly_name())
        if place and node.get_friendly_name() in live:
            ends[place.group()] = node.get_friendly_name()
    candidates = [_crossing(model, name) for name in ends.values()]
    total = sum(_macs(n) for n in model.get_ordered_ops())
    if len(candidates) < parts - 1:
        raise RuntimeError(f"{task.name}: {len(candidates)} blocks give no {parts - 1} distinct cuts")
    cuts, first = [], 0
    for i in range(1, parts):
        last = len(candidates) - (parts - 1 - i)  # leaves one for each later cut
        chosen = min(range(first, last), key=lambda c: abs(candidates[c][1] - total * i / parts))
        cuts.append(candidates[chosen][0])
        first = chosen + 1
    return cuts


def _separates(model, cut):
    """Whether no path leads from an input to an output around `cut`."""
    reached, inside = set(), set(cut)
    for node in model.get_ordered_ops():
        name = node.get_friendly_name()
        sources = [v.get_node().get_friendly_name() for v in node.input_values()]
        if name not in inside and (node.get_type_name() == "Parameter" or any(s in reached for s in sources)):
            reached.add(name)
            if node.get_type_name() == "Result":
                return False
    return True


def check_cuts(models, cuts):
    """Every variant has every cut tensor, of one shape and type, and each cut
    separates its input from its output."""
    for cut in cuts:
        for name in cut:
            forms = {}
            for variant, model in models.items():
                found = [n for n in model.get_ordered_ops() if n.get_friendly_name() == name]
                if len(found) != 1 or found[0].get_output_size() != 1:
                    raise RuntimeError(f"{variant}: {len(found)} nodes named {name!r}, expected 1 with one output")
                form = (str(found[0].get_output_element_type(0)), str(found[0].get_output_partial_shape(0)))
                forms.setdefault(form, []).append(variant)
            if len(forms) != 1:
                raise RuntimeError(f"cut tensor {name!r} differs between variants: {forms}")
        for variant, model in models.items():
            if not _separates(model, cut):
                raise RuntimeError(f"{variant}: {cut} does not separate the input from the output")


def compiled(path):
    return ov.Core().compile_model(str(path), "CPU", SINGLE_THREAD)


def predict(path, inputs):
    """Predicted classes of `inputs`, an array [N, ...] for every input: one inference per
    sample, single-threaded f32."""
    request = compiled(path).create_infer_request()
    samples = [[array[i : i + 1] for array in inputs] for i in range(len(inputs[0]))]
    return np.array([int(request.infer(sample)[0].argmax()) for sample in samples])
