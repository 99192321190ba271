#!/usr/bin/env bash
# Installs what building and running needs: the Debian packages of packages.apt (as root, or through password-less sudo),
# the Python wheels of requirements.txt into .venv, and ONNX Runtime's headers beside them. What is there already is left
# alone. With --product, leaves out what only tests, lint and fuzzers need.
set -euo pipefail
cd "$(dirname "$0")/.."

listed=$(if [ "${1:-}" = --product ]; then sed '/^# For tests/q' packages.apt; else cat packages.apt; fi)
tools/install_packages.sh $(grep -v '^#' <<< "$listed")

wanted=$(sha256sum requirements.txt)
if [ "$(cat .venv/.requirements 2>/dev/null)" != "$wanted" ]; then
  echo "Installing Python wheels into .venv (OpenVINO among them)"
  # Debian's interpreter if there is one, so that a version manager's shim does not decide.
  python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
  .venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv  # none, or half of one
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
  echo "$wanted" > .venv/.requirements
fi

if [ "$(cat .venv/onnxruntime/.record 2>/dev/null)" != "$(cat tools/onnxruntime_headers.txt)" ]; then
  tools/onnxruntime_headers.sh
  cp tools/onnxruntime_headers.txt .venv/onnxruntime/.record
fi

if [ "${1:-}" != --product ] && ! grep -qs "^$(sed -n 's/^plugin=//p' tools/software_gpu.sh)$" .venv/software_gpu/.record; then
  echo "Putting a GPU in software into .venv/software_gpu, for tests"
  tools/software_gpu.sh
fi
