#!/usr/bin/env python3
"""Checks that a layer includes only layers to its left (ARCHITECTURE.md), and that runtimes stay behind the backend."""
import pathlib
import re
import sys

LAYERS = ["base", "backend", "zoo", "soc", "profile", "plan", "sched", "simulate", "run", "eval", "serve"]
# simulate and run are siblings: neither may include the other.
SIBLINGS = {("run", "simulate")}
# Libraries that only one layer may know; a runtime's own headers never leave its folder.
ONLY_IN = {
    "openvino/": "sparseloom/backend/openvino/",
    "hwy/": "sparseloom/backend/sparse/",
    "sqlite3.h": "sparseloom/profile/",
    "nlohmann/": "sparseloom/base/",
    "openssl/": "sparseloom/base/",
    "CLI/": "apps/",
    "Eigen/": "apps/kernels/",
    "xnnpack.h": "apps/kernels/",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')


def problems(root):
    for path in sorted([*root.glob("sparseloom/**/*.h"), *root.glob("sparseloom/**/*.cpp"), *root.glob("apps/**/*.*")]):
        name = path.relative_to(root).as_posix()
        layer = name.split("/")[1] if name.startswith("sparseloom/") else None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            included = match.group(1)
            for prefix, owner in ONLY_IN.items():
                if included.startswith(prefix) and not name.startswith(owner):
                    yield f"{name}:{number}: includes <{included}>, which only {owner} may"
            if layer is None or not included.startswith(("sparseloom/", "apps/")):
                continue
            target = included.split("/")[1] if included.startswith("sparseloom/") else "apps"
            if target not in LAYERS:
                yield f"{name}:{number}: includes {included}, which is in no layer to its left ({', '.join(LAYERS)})"
            elif LAYERS.index(target) > LAYERS.index(layer) or (layer, target) in SIBLINGS:
                yield f"{name}:{number}: layer {layer} includes {included}; allowed are {', '.join(LAYERS[:LAYERS.index(layer) + 1])}"
    for folder in sorted((root / "sparseloom").iterdir()):
        if folder.is_dir() and folder.name not in LAYERS:
            yield f"sparseloom/{folder.name}: not a layer; known: {', '.join(LAYERS)}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    found = list(problems(root))
    print("\n".join(found) if found else "layers: every include points left")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
