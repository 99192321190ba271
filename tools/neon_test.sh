#!/usr/bin/env bash
# neon_test.sh [JOBS]: builds the sparse kernels and what they stand on for 64-bit ARM, runs their unit tests in an
# emulator, and says which instruction sets the kernels' tests ran on. The ARM libraries are unpacked below build/neon,
# so that this machine keeps its own.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$PWD/build/neon

tools/install_packages.sh ccache cmake g++-aarch64-linux-gnu ninja-build qemu-user

libraries="libfmt-dev libfmt9 libgmock-dev libgtest-dev libhwy-dev libhwy1 libssl-dev libssl3"
libraries+=" libxxhash-dev libxxhash0 nlohmann-json3-dev"
if [ "$(cat "$folder/sysroot/.libraries" 2>/dev/null)" != "$libraries" ]; then
  echo "Unpacking ARM libraries into $folder/sysroot"
  rm -rf "$folder"
  mkdir -p "$folder"/apt/{state/lists,cache,packages} "$folder/sysroot"
  # An apt of its own: this machine's lists and architectures stay as they are.
  apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Sandbox::User=root
       -o "Dir::State=$folder/apt/state" -o "Dir::Cache=$folder/apt/cache")
  "${apt[@]}" update
  (cd "$folder/apt/packages" && "${apt[@]}" download $libraries)
  for package in "$folder"/apt/packages/*.deb; do dpkg -x "$package" "$folder/sysroot"; done
  rm -rf "$folder/apt"
  echo "$libraries" > "$folder/sysroot/.libraries"
fi

[ -f "$folder/build.ninja" ] || cmake --preset neon
cmake --build --preset neon -j "${1:-$(nproc)}"
ctest --test-dir "$folder" --output-on-failure --no-tests=error -L unit | tee "$folder/tests.log"

# A kernel's test ends in the instruction set that it ran on: unit_sparse.<suite>.<test>/NEON ... Passed
ran=$(sed -nE 's|.* unit_sparse\.[^ ]*/([A-Z0-9_]+) .* Passed .*|\1|p' "$folder/tests.log" | sort | uniq -c)
echo "Tests of the sparse kernels that passed, by instruction set:"
echo "${ran:-   none}"
grep -qw NEON <<< "$ran" || { echo "neon: no test ran on NEON" >&2; exit 1; }
