#!/usr/bin/env bash
# fuzz.sh BIN SECONDS: runs every fuzzer in folder BIN, or the one fuzzer BIN, for so many seconds each, from its seeds in
# fuzz/corpus/<name>/ and what earlier runs found (build/fuzz/corpus/). With 0 seconds it only replays these. Runs all of
# them; fails if one found something, and says which and what input to replay (build/fuzz/<name>-crash-...).
set -euo pipefail
[[ $# == 2 && $2 =~ ^[0-9]+$ ]] || { echo "usage: fuzz.sh BIN SECONDS; got: $*" >&2; exit 2; }
bin=$(realpath "$1") seconds=$2
cd "$(dirname "$0")/.."
if [ -d "$bin" ]; then fuzzers=("$bin"/fuzz_*); else fuzzers=("$bin"); fi
[ -x "${fuzzers[0]}" ] || { echo "fuzz.sh: no fuzzer in $bin; build them: cmake --build --preset fuzz" >&2; exit 2; }

limit=(-max_total_time="$seconds") what="$seconds s"
[ "$seconds" != 0 ] || limit=(-runs=0) what="replay"
failed=()
for fuzzer in "${fuzzers[@]}"; do
  name=$(basename "$fuzzer")
  corpus=(build/fuzz/corpus/"$name")
  mkdir -p "${corpus[0]}"
  [ ! -d "fuzz/corpus/${name#fuzz_}" ] || corpus+=("fuzz/corpus/${name#fuzz_}")
  echo "== $name, $what"
  "$fuzzer" "${limit[@]}" -max_len=65536 -timeout=10 -rss_limit_mb=2048 -verbosity=0 -print_funcs=0 \
    -artifact_prefix="build/fuzz/$name-" "${corpus[@]}" || failed+=("$name")
done
[ ${#failed[@]} = 0 ] || { echo "fuzz.sh: failed: ${failed[*]}" >&2; exit 1; }
