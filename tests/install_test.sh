#!/usr/bin/env bash
# install_test.sh BUILD_DIR: what `cmake --install` of this (complete, Release) build gives works away from the source tree,
# and examples/embed builds against it: by CMake with the shared and the static library, and by pkg-config.
set -euo pipefail
cd "$(dirname "$0")/.."
source=$PWD
build=$(realpath "$1")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { echo "install_test: $*" >&2; exit 1; }
step() { echo "-- $*"; }

step "install, and move to where nobody built for"
cmake --install "$build" --prefix "$scratch/first" >/dev/null
mv "$scratch/first" "$scratch/prefix"
prefix=$scratch/prefix
[ -e "$prefix/include/sparseloom/base/status.h" ] || fail "no public headers"
if found=$(grep -rlF -e "$source" -e "$scratch/first" "$prefix"); then fail "paths of the build in: $found"; fi

step "the program finds its libraries and its data"
cd "$scratch"
export SPARSELOOM_CACHE_DIR=$scratch/cache
"$prefix/bin/sparseloom" version
"$prefix/bin/sparseloom" zoo verify
"$prefix/bin/sparseloom" bench --help >/dev/null
"$prefix/bin/sparseloom" soc --soc jetson-agx-orin >/dev/null
"$prefix/bin/sparseloom" place "$prefix/share/sparseloom/zoos/demo/image/dense/model.xml" --soc jetson-agx-orin --method sparoa-threshold >/dev/null
mkdir -p data/socs
cp "$prefix/share/sparseloom/socs/jetson-agx-orin.json" data/socs/mine.json
SPARSELOOM_DATA_DIR=$scratch/data "$prefix/bin/sparseloom" soc --soc mine >/dev/null

step "examples/embed, by CMake"
model=$prefix/share/sparseloom/zoos/demo/image/dense/model.xml
openvino=$(sed -n 's/^OpenVINO_DIR:[^=]*=//p' "$build/CMakeCache.txt")
embed() { # NAME OPTION...: configures, builds and runs the example
  cmake -S "$source/examples/embed" -B "$scratch/$1" -DCMAKE_PREFIX_PATH="$prefix" "${@:2}" >"$scratch/$1.log" ||
    { cat "$scratch/$1.log"; fail "$1: does not configure"; }
  cmake --build "$scratch/$1" >"$scratch/$1.log" 2>&1 || { cat "$scratch/$1.log"; fail "$1: does not build"; }
  "$scratch/$1/embed" "$model"
}
embed shared
step "the same with the static library"
embed static -DSTATIC=ON -DOpenVINO_DIR="$openvino"

step "the same by pkg-config"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
g++ -std=c++20 "$source/examples/embed/main.cpp" -o by_pkg_config $(pkg-config --cflags --libs sparseloom)
LD_LIBRARY_PATH=$prefix/lib ./by_pkg_config "$model"
step "passed"
