#!/usr/bin/env python3
"""What prune_model.py makes of weights, and of a model."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy
import openvino
from openvino import opset13

TOOLS = pathlib.Path(__file__).parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
from prune_model import prune  # noqa: E402

WEIGHTS = numpy.array([[1, -9, 2, 8, 7], [-3, 4, 6, -5, 0]], numpy.float32)


class Prune(unittest.TestCase):
    def test_the_smallest_weights_of_the_layer_go(self):
        self.assertEqual(prune(WEIGHTS, 0.5, 1).tolist(), [[0, -9, 0, 8, 7], [0, 0, 6, -5, 0]])

    def test_four_neighbouring_inputs_go_together(self):
        # Blocks of a row: four inputs, then the one that is left.
        self.assertEqual(prune(WEIGHTS, 0.5, 4).tolist(), [[1, -9, 2, 8, 0], [-3, 4, 6, -5, 0]])

    def test_integers_stay_integers(self):
        self.assertEqual(prune(WEIGHTS.astype(numpy.int8), 0.9, 1).dtype, numpy.int8)

    def test_a_model(self):
        x = opset13.parameter([1, 2], numpy.float32)
        weights = opset13.constant(WEIGHTS)  # inputs x outputs
        model = openvino.Model([opset13.matmul(x, weights, False, False)], [x])
        with tempfile.TemporaryDirectory() as folder:
            source, pruned = f"{folder}/m.xml", f"{folder}/pruned.xml"
            openvino.save_model(model, source, compress_to_fp16=False)
            subprocess.run([sys.executable, TOOLS / "prune_model.py", source, pruned, "--sparsity", "0.5"], check=True, capture_output=True)
            constants = [n for n in openvino.Core().read_model(pruned).get_ops() if n.get_type_name() == "Constant"]
            self.assertEqual(constants[0].get_data().tolist(), prune(WEIGHTS, 0.5, 1).tolist())


if __name__ == "__main__":
    unittest.main()
