"""What the zoo builders decide without torch: variants, inputs, cuts, files."""
import json
import pathlib
import sys
import tempfile
import types
import unittest

import numpy
import openvino
from openvino import opset13

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools" / "zoo"), str(ROOT / "tools")]
import export  # noqa: E402
import recipe  # noqa: E402
import seed_inputs  # noqa: E402
import zooformat  # noqa: E402


class Variants(unittest.TestCase):
    def test_ten_of_them_dense_first(self):
        made = recipe.Recipe(
            unstructured=recipe.Pruning(((60,), (75,), (90,)), quantized=75),
            structured=recipe.Pruning(((20,), (40,), (60,)), quantized=60),
        )
        names = [variant.name for variant in recipe.variants(made)]
        self.assertEqual(len(names), 10)
        self.assertEqual(names[:2], ["dense", "int8"])
        self.assertEqual(names[3:5], ["unstructured-75", "unstructured-75-int8"])
        quantized = [variant.name for variant in recipe.variants(made) if variant.quantized]
        self.assertEqual(quantized, ["int8", "unstructured-75-int8", "structured-60-int8"])


class Inputs(unittest.TestCase):
    def made(self, seed, count=20):
        rng = numpy.random.default_rng(seed)
        blend = seed_inputs.Blend.draw(count, rng)
        patterns = lambda: numpy.random.default_rng(7)  # noqa: E731
        return {
            "image": seed_inputs.images(blend, 32, rng, patterns()),
            "text": seed_inputs.texts(blend, 16, 2000, rng, patterns()),
            "sound": seed_inputs.sounds(blend, 800, 16000, rng, patterns()),
        }

    def test_a_seed_gives_the_same_inputs_and_another_gives_others(self):
        once, again, other = self.made(1), self.made(1), self.made(2)
        for kind, arrays in once.items():
            for array, same, different in zip(arrays, again[kind], other[kind]):
                self.assertTrue((array == same).all(), kind)
                self.assertFalse((array == different).all(), kind)

    def test_types_and_shapes(self):
        made = self.made(1)
        self.assertEqual([(a.dtype, a.shape) for a in made["image"]], [(numpy.float32, (20, 3, 32, 32))])
        self.assertEqual([(a.dtype, a.shape) for a in made["text"]], [(numpy.int64, (20, 16))] * 2)
        self.assertEqual([(a.dtype, a.shape) for a in made["sound"]], [(numpy.float32, (20, 800))])

    def test_a_text_ends_where_its_mask_does(self):
        ids, mask = self.made(3)["text"]
        self.assertTrue(((ids != 0) == (mask == 1)).all())
        self.assertTrue((ids[:, 0] == seed_inputs.CLS).all())
        self.assertTrue((ids[numpy.arange(20), mask.sum(1) - 1] == seed_inputs.SEP).all())


def residual_model(blocks):
    """x + 1 relu(x W), `blocks` times; a second input joins every sum, as an attention mask does."""
    x, mask = opset13.parameter([1, 4], numpy.float32, name="x"), opset13.parameter([1, 4], numpy.float32, name="mask")
    bias = opset13.multiply(mask, numpy.float32(-2), name="bias")
    value = x
    for i in range(blocks):
        weight = opset13.constant(numpy.full((4, 4), 0.1, numpy.float32))
        inner = opset13.add(opset13.matmul(value, weight, False, False), bias)
        value = opset13.add(value, opset13.relu(inner), name=f"__module.blocks.{i}/aten::add/Add")
    return openvino.Model([opset13.relu(value)], [x, mask])


class Cuts(unittest.TestCase):
    task = types.SimpleNamespace(name="toy", boundary=r"__module\.blocks\.\d+/")

    def test_they_share_the_work_and_carry_what_crosses(self):
        cuts = export.choose_cuts(self.task, residual_model(6), 3)
        self.assertEqual(cuts, [["__module.blocks.1/aten::add/Add", "bias"], ["__module.blocks.3/aten::add/Add", "bias"]])

    def test_one_block_does_not_get_two(self):
        model = residual_model(2)  # thirds of the work lie at 2/3 and 4/3 of a block
        cuts = export.choose_cuts(self.task, model, 3)
        self.assertEqual([cut[0] for cut in cuts], ["__module.blocks.0/aten::add/Add", "__module.blocks.1/aten::add/Add"])

    def test_variants_must_share_them(self):
        model = residual_model(3)
        export.check_cuts({"dense": model, "same": residual_model(3)}, [["__module.blocks.1/aten::add/Add", "bias"]])
        with self.assertRaisesRegex(RuntimeError, "0 nodes named"):
            export.check_cuts({"dense": model, "short": residual_model(1)}, [["__module.blocks.1/aten::add/Add", "bias"]])
        with self.assertRaisesRegex(RuntimeError, "does not separate"):
            export.check_cuts({"dense": model}, [["__module.blocks.1/aten::add/Add"]])

    def test_too_few_blocks(self):
        with self.assertRaisesRegex(RuntimeError, "toy: 1 blocks give no 2 distinct cuts"):
            export.choose_cuts(self.task, residual_model(1), 3)


class Files(unittest.TestCase):
    def test_an_index_lists_complete_tasks_in_the_order_asked(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            for name, file in (("b", "task.json"), ("a", "task.json"), ("half", ".built-from.json")):
                (root / name).mkdir()
                (root / name / file).write_text("{}\n")
            zooformat.write_index(root, ["b", "half", "a"])
            index = json.loads((root / "zoo.json").read_text())
            self.assertEqual(index["tasks"], ["b", "a"])
            self.assertEqual([(f["path"], f["bytes"]) for f in index["files"]], [("a/task.json", 3), ("b/task.json", 3)])

    def test_only_what_was_built_here_is_built_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            theirs = pathlib.Path(folder) / "theirs"
            theirs.mkdir()
            (theirs / "weights.pt").write_text("years of work")
            with self.assertRaisesRegex(FileExistsError, "theirs: not empty and not built by this script"):
                zooformat.prepare_folder(theirs, ".built-from.json", {"seed": 1})
            self.assertTrue((theirs / "weights.pt").exists())

            ours = pathlib.Path(folder) / "ours"
            zooformat.prepare_folder(ours, ".built-from.json", {"seed": 1})
            (ours / "variant").mkdir()
            zooformat.prepare_folder(ours, ".built-from.json", {"seed": 1})
            self.assertTrue((ours / "variant").exists(), "goes on")
            zooformat.prepare_folder(ours, ".built-from.json", {"seed": 2})
            self.assertFalse((ours / "variant").exists(), "begins anew")

    def test_a_task_says_what_its_accuracy_is(self):
        task = types.SimpleNamespace(
            name="toy",
            description="",
            base_model="",
            accuracy_kind="fidelity",
            classes=["0", "1"],
            inputs=(("x", "f32"), ("m", "i64")),
        )
        inputs = [numpy.zeros((3, 4), numpy.float32), numpy.ones((3, 4), numpy.int64)]
        splits = {split: (inputs, numpy.zeros(3, numpy.int32)) for split in ("profile", "test")}
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            data = zooformat.write_splits(task, splits, root)
            zooformat.write_task(task, data, [[1, 4], [1, 4]], [["h"]], ["dense"], root)
            written = json.loads((root / "task.json").read_text())
            self.assertEqual(written["accuracy_kind"], "fidelity")
            self.assertEqual([i["name"] for i in written["inputs"]], ["x", "m"])
            for file in [*data["test"]["inputs"], data["test"]["labels"]]:
                self.assertEqual(len(numpy.load(root / file)), 3)


if __name__ == "__main__":
    unittest.main()
