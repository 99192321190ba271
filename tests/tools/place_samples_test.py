"""Samples of the threshold predictor are read whole or refused by file and line, and scaled as its file says."""

import json
import pathlib
import sys
import tempfile
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools" / "place"))

import samples  # noqa: E402

SAMPLE = {"feature_set": "s-1", "model": "m", "soc": "s", "machine": 0, "cost_model": "additive",
          "groups": [[0.5, 10.0], [0.25, 30.0]], "machine_features": [1.0, 2.0, 3.0], "over_best": [1.0, 1.5, 2.0, 4.0]}


class Read(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def write(self, *lines):
        (self.folder / "a.jsonl").write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))

    def test_all_of_a_sample(self):
        self.write(SAMPLE)
        read = samples.read(self.folder)
        self.assertEqual((len(read), read.feature_set, read.names[0][0]), (1, "s-1", "m"))
        self.assertEqual(read.groups[0].tolist(), SAMPLE["groups"])
        self.assertEqual(read.over_best[0].tolist(), [[1.0, 1.5], [2.0, 4.0]])

    def test_what_lacks_a_key_is_refused_by_line(self):
        self.write(SAMPLE, {key: SAMPLE[key] for key in SAMPLE if key != "groups"})
        with self.assertRaisesRegex(ValueError, r"a\.jsonl:2: .*groups"):
            samples.read(self.folder)

    def test_feature_sets_are_not_mixed(self):
        self.write(SAMPLE, {**SAMPLE, "feature_set": "s-2"})
        with self.assertRaisesRegex(ValueError, "feature sets s-1 and s-2"):
            samples.read(self.folder)

    def test_an_empty_folder(self):
        with self.assertRaisesRegex(ValueError, "no .jsonl file"):
            samples.read(self.folder)


class Scale(unittest.TestCase):
    def test_ranks_stay_and_the_rest_has_mean_0_and_deviation_1(self):
        rows = np.array([[0.5, 10.0, 7.0], [0.25, 30.0, 7.0]], np.float32)
        scaled = samples.Scaling.of(rows, keep=1)(rows)
        self.assertEqual(scaled.tolist(), [[0.5, -1.0, 0.0], [0.25, 1.0, 0.0]])

    def test_a_feature_that_never_differed_is_ignored_when_it_does(self):
        rows = np.full((3, 1), 7, np.float32)
        self.assertLess(samples.Scaling.of(rows)(np.full((1, 1), 9, np.float32)).max(), 1e-5)

    def test_padding_is_zero_and_masked(self):
        filled, mask = samples.padded([np.ones((2, 3), np.float32), np.ones((1, 3), np.float32)], 4)
        self.assertEqual(filled.sum((1, 2)).tolist(), [6.0, 3.0])
        self.assertEqual(mask.tolist(), [[1, 1, 0, 0], [1, 0, 0, 0]])

    def test_the_shipped_predictor_has_one_number_per_feature(self):
        shipped = json.loads((ROOT / "predictors" / "sparoa-threshold.json").read_text())
        self.assertEqual(len(shipped["group_mean"]), len(shipped["group_scale"]))
        self.assertEqual(shipped["group_mean"][:6] + shipped["group_scale"][:6], [0.0] * 6 + [1.0] * 6)  # ranks
        self.assertLess((ROOT / "predictors" / shipped["network"]).stat().st_size, 2e6)


if __name__ == "__main__":
    unittest.main()
