"""Samples of `sparseloom bench thresholds --samples`, and how features are brought to one scale. Needs numpy alone."""
import dataclasses
import json
import pathlib

import numpy as np

CONSTANT, IGNORED = 1e-3, 1e6  # a feature that differs by less teaches nothing: on this scale nothing of it is seen


@dataclasses.dataclass
class Samples:
    """One table of costs each: a model on a machine in a state."""

    feature_set: str
    names: list          # model, machine's file, number of the machine, cost model
    groups: list         # [rows, features] each, float32
    machine: np.ndarray  # [samples, features]
    over_best: np.ndarray  # [samples, steps of the sparsity, steps of the intensity]: latency over the best of them

    def __len__(self):
        return len(self.groups)


def read(folder):
    """All samples of a folder's *.jsonl files, in the order of their names. ValueError names file, line and what is wrong."""
    files = sorted(pathlib.Path(folder).glob("*.jsonl"))
    if not files:
        raise ValueError(f"{folder}: no .jsonl file; tools/place/make_samples.py writes them")
    sets, names, groups, machine, over_best = set(), [], [], [], []
    for file in files:
        for number, line in enumerate(file.open(), 1):
            try:
                one = json.loads(line)
                groups.append(np.array(one["groups"], np.float32))
                machine.append(np.array(one["machine_features"], np.float32))
                steps = round(len(one["over_best"]) ** 0.5)
                over_best.append(np.array(one["over_best"], np.float32).reshape(steps, steps))
                names.append((one["model"], one["soc"], one["machine"], one["cost_model"]))
                sets.add(one["feature_set"])
            except (KeyError, ValueError) as wrong:
                raise ValueError(f"{file}:{number}: {wrong!r}") from None
            if len(sets) > 1:
                raise ValueError(f"{file}:{number}: feature sets {' and '.join(sorted(sets))} in one folder")
    return Samples(sets.pop(), names, groups, np.stack(machine), np.stack(over_best))


@dataclasses.dataclass
class Scaling:
    """(x - mean) / scale, feature by feature."""

    mean: np.ndarray
    scale: np.ndarray

    @staticmethod
    def of(rows, keep=0):
        """That makes the rows' mean 0 and their deviation 1, but for the first `keep` features, which stay as they are."""
        mean, scale = rows.mean(0, np.float64), rows.std(0, np.float64)
        scale[scale < CONSTANT] = IGNORED
        mean[:keep], scale[:keep] = 0, 1
        # Rounded as the JSON file has them, so that who trains and who predicts scale alike.
        decimals = lambda numbers: np.array([float(f"{number:.6g}") for number in numbers], np.float32)
        return Scaling(decimals(mean), decimals(scale))

    def __call__(self, rows):
        return (rows - self.mean) / self.scale


def padded(groups, rows):
    """([samples, rows, features], mask [samples, rows]): zeros behind what there is."""
    filled = np.zeros((len(groups), rows, groups[0].shape[1]), np.float32)
    mask = np.zeros((len(groups), rows), np.float32)
    for k, one in enumerate(groups):
        filled[k, : len(one)] = one
        mask[k, : len(one)] = 1
    return filled, mask
