#!/usr/bin/env bash
# Puts a GPU in software into .venv/software_gpu, so that what needs a device beside the CPU is tested where there is none:
# ONNX Runtime's WebGPU plugin (PyPI), and SwiftShader, a Vulkan driver that computes on the CPU, of Debian's chromium-common,
# which is unpacked and not installed. Slow, and for tests alone. Debian's own software driver (lavapipe, Mesa 22) is refused
# by the plugin.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$PWD/.venv/software_gpu
plugin=onnxruntime-ep-webgpu==0.4.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps "$plugin"
download() { (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download chromium-common); }
download 2>/dev/null || { apt-get -qq update && download; }  # the list may be older than what the archive has
dpkg-deb --fsys-tarfile "$work"/chromium-common_*.deb |
  tar -x -C "$work" ./usr/lib/chromium/libvk_swiftshader.so ./usr/lib/chromium/vk_swiftshader_icd.json
rm -rf "$target"
mkdir -p "$target"
cp "$work"/usr/lib/chromium/* "$target"
ln -s "$(ls "$PWD"/.venv/lib/python3*/site-packages/onnxruntime_ep_webgpu/libonnxruntime_providers_webgpu.so)" "$target"
echo "$plugin" > "$target/.record"
