"""The zoo on disk, format version 1: writing task folders and the index."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import tempfile

from fetch_reviews import npy_bytes, write_atomically

FORMAT_VERSION = 1


def json_bytes(value):
    return (json.dumps(value, indent=1) + "\n").encode()


@contextlib.contextmanager
def replacing_folder(path):
    """A temporary folder beside `path` that takes its place when the body ends
    well and vanishes when it does not."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # by a build that was killed
        owner = left.name.split(".")[2]
        if not pathlib.Path("/proc", owner).exists():
            shutil.rmtree(left)
    temporary = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}.{os.getpid()}.", dir=path.parent))
    try:
        yield temporary
        os.chmod(temporary, 0o755)
        if path.exists():
            old = temporary / ".replaced"
            os.rename(path, old)
            os.rename(temporary, path)
            shutil.rmtree(path / ".replaced")
        else:
            os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def prepare_folder(folder, name, key):
    """`folder`, emptied unless an earlier run built what is in it from the same `key`, of
    which it keeps a copy in the file `name`. A folder without one is somebody else's."""
    path = folder / name
    if folder.exists() and any(folder.iterdir()):
        if not path.is_file():
            raise FileExistsError(f"{folder}: not empty and not built by this script (no {name}); give another --out")
        if json.loads(path.read_text()) != key:
            shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json_bytes(key))


def write_splits(task, splits, folder):
    """Writes the shipped splits, each (an array for every input, labels); returns
    task.json's `data`."""
    described = {}
    for split in ("profile", "test"):
        inputs, labels = splits[split]
        names = [f"data/{split}_{name}.npy" for name, _ in task.inputs]
        for file, array in zip([*names, f"data/{split}_labels.npy"], [*inputs, labels], strict=True):
            write_atomically(folder / file, npy_bytes(array))
        described[split] = {"samples": len(labels), "inputs": names, "labels": f"data/{split}_labels.npy"}
    return described


def write_task(task, data, shapes, cuts, variants, folder):
    """Writes task.json; `shapes` are the model inputs', `variants` their names."""
    content = {
        "format_version": FORMAT_VERSION,
        "name": task.name,
        "description": task.description,
        "base_model": task.base_model,
        "metric": "top1",
        "accuracy_kind": task.accuracy_kind,
        "classes": task.classes,
        "inputs": [{"name": n, "type": t, "shape": shape} for (n, t), shape in zip(task.inputs, shapes, strict=True)],
        "output": {"name": "logits", "type": "f32", "shape": [1, len(task.classes)]},
        "data": data,
        "parts": len(cuts) + 1,
        "cuts": cuts,
        "variants": variants,
    }
    write_atomically(folder / "task.json", json_bytes(content))


def listed_variants(folder):
    """The variants that the folder's task.json names; None if it has none."""
    path = folder / "task.json"
    return json.loads(path.read_text())["variants"] if path.is_file() else None


def write_variant(variant, weight_sparsity, parameters, accuracy, folder):
    """Writes variant.json; `accuracy` maps split to share."""
    content = {
        "format_version": FORMAT_VERSION,
        "name": variant.name,
        "model": "model.xml",
        **({"onnx": "model.onnx"} if (folder / "model.onnx").exists() else {}),
        "compression": {"kind": variant.kind, "level": variant.level},
        "weight_sparsity": round(weight_sparsity, 4),
        "parameters": parameters,
        "accuracy": {split: round(share, 6) for split, share in accuracy.items()},
    }
    write_atomically(folder / "variant.json", json_bytes(content))


def _listed(root, path):
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": path.relative_to(root).as_posix(), "bytes": path.stat().st_size, "sha256": digest}


def _belongs(path):
    """Whether an index lists this file: neither hidden nor the packed form of another."""
    return not path.name.startswith(".") and path.suffix != ".xz"


def write_index(root, order):
    """Writes zoo.json over the tasks present, in this order. Sentiment data that set-up has not
    generated here keep the entry they had."""
    root = pathlib.Path(root)
    with open(root / ".index.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tasks = [t for t in order if (root / t / "task.json").is_file()]
        paths = [p for t in tasks for p in (root / t).rglob("*") if p.is_file() and _belongs(p)]
        files = {f["path"]: f for f in (_listed(root, p) for p in paths)}
        index = root / "zoo.json"
        if index.is_file() and "sentiment" in tasks:
            for entry in json.loads(index.read_text())["files"]:
                if entry["path"].startswith("sentiment/data/"):
                    files.setdefault(entry["path"], entry)
        content = {
            "format_version": FORMAT_VERSION,
            "name": root.name,
            "tasks": tasks,
            "files": [files[p] for p in sorted(files)],
        }
        write_atomically(index, json_bytes(content))
    with contextlib.suppress(OSError):
        (root / ".index.lock").unlink()
