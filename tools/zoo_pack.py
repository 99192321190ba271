#!/usr/bin/env python3
"""Packs and unpacks the models and arrays of a zoo that git holds.

`*.bin`, `*.xml`, `*.onnx` and `*.npy` are tracked as `<file>.xz`, and git ignores the files
themselves: pruned weights and XML pack well. `unpack` writes what `zoo.json` lists
and is missing or different, if what comes out has the SHA-256 listed. `pack` writes
the packed form of what lies in a folder. A listed file without a packed form comes
from elsewhere (`fetch_reviews.py`).

Needs what `fetch_reviews.py` needs.
"""

import argparse
import concurrent.futures
import hashlib
import json
import lzma
import os
import pathlib
import sys

from fetch_reviews import sha256, write_atomically

SUFFIXES = (".bin", ".npy", ".onnx", ".xml")
ROOT = pathlib.Path(__file__).resolve().parent.parent


class PackError(Exception):
    """What is wrong, in one line."""


def packed(path):
    return path.with_name(path.name + ".xz")


def read_packed(path):
    try:
        return lzma.decompress(path.read_bytes())
    except (lzma.LZMAError, EOFError) as error:
        raise PackError(f"{path}: cannot be unpacked: {error}") from error


def _pack_file(path):
    content, target = path.read_bytes(), packed(path)
    if target.is_file() and read_packed(target) == content:
        return False
    write_atomically(target, lzma.compress(content, preset=9 | lzma.PRESET_EXTREME))
    return True


def pack(folder):
    """Packs the models and arrays below `folder`; returns how many it wrote. What is packed
    already keeps its bytes, whichever version of the library made them."""
    paths = [p for p in sorted(pathlib.Path(folder).rglob("*")) if p.suffix in SUFFIXES and not p.name.startswith(".")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as threads:
        return sum(threads.map(_pack_file, paths))


def _unpack_file(path, entry):
    if path.is_file() and path.stat().st_size == entry["bytes"] and sha256(path) == entry["sha256"]:
        return False
    content = read_packed(packed(path))
    arrived = hashlib.sha256(content).hexdigest()
    if arrived != entry["sha256"]:
        raise PackError(f"{packed(path)}: SHA-256 unpacked is {arrived}, expected {entry['sha256']} (zoo.json)")
    write_atomically(path, content)
    return True


def unpack(zoo):
    """Brings the packed files of `zoo` to what its zoo.json lists; returns how many it wrote."""
    index = pathlib.Path(zoo) / "zoo.json"
    try:
        entries = [(index.parent / f["path"], f) for f in json.loads(index.read_text(encoding="utf-8"))["files"]]
    except (OSError, ValueError, KeyError) as error:
        raise PackError(f"{index}: cannot be read as a zoo index: {error!r}") from error
    return sum(_unpack_file(path, entry) for path, entry in entries if packed(path).is_file())


def main():
    parser = argparse.ArgumentParser(description="Packs or unpacks the models and data of a zoo that git holds.")
    parser.add_argument("action", choices=("pack", "unpack"))
    parser.add_argument("--zoo", type=pathlib.Path, default=ROOT / "zoos" / "demo", help="the zoo folder")
    arguments = parser.parse_args()
    try:
        wrote = (pack if arguments.action == "pack" else unpack)(arguments.zoo)
    except (PackError, OSError) as error:
        print(f"zoo_pack: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.zoo}: {wrote} files {arguments.action}ed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
