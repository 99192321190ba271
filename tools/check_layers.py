#!/usr/bin/env python3
"""Checks that a layer includes only layers to its left (ARCHITECTURE.md), and that runtimes stay behind the backend."""
import pathlib
import re
import sys

LAYERS = ["base", "backend", "zoo", "soc", "place", "profile", "plan", "sched", "simulate", "engine", "serve", "eval", "report"]
# Side by side: neither may include the other.
SIBLINGS = {("engine", "simulate"), ("eval", "serve")}
# Programs, right of every layer, and what they share.
PROGRAMS = ["cli", "apps", "bench"]
# Libraries that only one layer may know; a runtime's own headers never leave its folder.
ONLY_IN = {
    "openvino/": "sparseloom/backend/openvino/",
    "onnxruntime_": "sparseloom/backend/onnxruntime/",
    "onnx/": "sparseloom/backend/onnx/",
    "google/protobuf/": "sparseloom/backend/onnx/",
    "boost/": "sparseloom/place/methods/",
    "hwy/": "sparseloom/backend/sparse/",
    "sqlite3.h": "sparseloom/profile/",
    "nlohmann/": "sparseloom/base/",
    "openssl/": "sparseloom/base/",
    "CLI/": ("apps/", "bench/", "cli/"),
    "Eigen/": ("sparseloom/place/learned/", "bench/kernels/"),
    "xnnpack.h": "bench/kernels/",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]')


def room(name):
    """Layer or program that a file, or an include, belongs to."""
    parts = name.removeprefix("include/").split("/")
    if parts[0] != "sparseloom":
        return parts[0]
    return parts[1] if len(parts) > 2 else "serve"  # sparseloom/server.h: the library's front


def problems(root):
    sources = [p for folder in ("include", "sparseloom", *PROGRAMS) for p in root.glob(f"{folder}/**/*.*") if p.suffix in (".h", ".cpp")]
    for path in sorted(sources):
        name = path.relative_to(root).as_posix()
        layer = room(name)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            included = match.group(1)
            for prefix, owners in ONLY_IN.items():
                owners = (owners,) if isinstance(owners, str) else owners
                if included.startswith(prefix) and not name.startswith(owners):
                    yield f"{name}:{number}: includes <{included}>, which only {', '.join(owners)} may"
            if layer in PROGRAMS or not included.startswith(("sparseloom/", *(f"{p}/" for p in PROGRAMS))):
                continue
            target = room(included)
            if target not in LAYERS:
                yield f"{name}:{number}: includes {included}, which is in no layer to its left ({', '.join(LAYERS)})"
            elif name.startswith("include/") and not (root / "include" / included).exists():
                yield f"{name}:{number}: a public header includes {included}, which is private"
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
