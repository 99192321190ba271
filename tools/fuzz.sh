#!/usr/bin/env bash
# fuzz.sh BIN_DIR SECONDS: runs every fuzzer for so many seconds each, on its seed corpus fuzz/corpus/<name>/ if any.
set -euo pipefail
bin=$1 seconds=$2
cd "$(dirname "$0")/.."
for fuzzer in "$bin"/fuzz_*; do
  name=$(basename "$fuzzer")
  work=build/fuzz/corpus/$name
  mkdir -p "$work"
  seeds=fuzz/corpus/${name#fuzz_}
  echo "== $name, $seconds s"
  "$fuzzer" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
    -artifact_prefix="build/fuzz/" "$work" $([ -d "$seeds" ] && echo "$seeds")
done
