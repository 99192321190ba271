#!/usr/bin/env bash
# gpu_check.sh [cuda|webgpu]: for a machine with a GPU and a build of sparseloom. Installs ONNX Runtime's plugin into a
# virtual environment of its own, and prints what this machine's GPU is, whether it answers as the CPU does, what the demo
# zoo's subgraphs take there, and what a plan makes of it. Five minutes at most; changes nothing else. Please report what it
# prints: provider cuda has not run on a GPU yet.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-cuda}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
case $kind in
  cuda)
    pip 'onnxruntime-gpu[cuda,cudnn]'
    site=$(echo "$work"/venv/lib/python3*/site-packages)
    export SPARSELOOM_ONNXRUNTIME; SPARSELOOM_ONNXRUNTIME=$(ls "$site"/onnxruntime/capi/libonnxruntime.so.1.*)
    export SPARSELOOM_ONNXRUNTIME_CUDA=$site/onnxruntime/capi/libonnxruntime_providers_cuda.so
    export LD_LIBRARY_PATH; LD_LIBRARY_PATH=$(echo "$site"/nvidia/*/lib | tr ' ' ':')${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    nvidia-smi -L || true ;;
  webgpu)
    pip --no-deps onnxruntime-ep-webgpu==0.4.0
    export SPARSELOOM_ONNXRUNTIME_WEBGPU; SPARSELOOM_ONNXRUNTIME_WEBGPU=$(ls "$work"/venv/lib/python3*/site-packages/onnxruntime_ep_webgpu/libonnxruntime_providers_webgpu.so) ;;
  *) echo "gpu_check.sh: '$kind': cuda or webgpu" >&2; exit 2 ;;
esac
export SPARSELOOM_CACHE_DIR=$work/cache
run() { echo; echo "\$ sparseloom $*"; timeout 240 build/release/bin/sparseloom "$@" 2> "$work/err" || { tail -5 "$work/err"; exit 1; }; }
run soc
run profile --latency --task image            # measures every provider, and says which disagree or cannot
run plan --slo C3 --explain
run demo --slo-config C3 --repeats 1 --saturated 1
