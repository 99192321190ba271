#!/usr/bin/env bash
# Format and layers. With --fix, formats in place instead of complaining; with --tidy, runs clang-tidy too (minutes).
set -euo pipefail
cd "$(dirname "$0")/.."

listed=$(git ls-files --cached --others --exclude-standard '*.cpp' '*.h')
[ -n "$listed" ] || { echo "lint: git lists no source here" >&2; exit 1; }
mapfile -t sources <<< "$listed"
if [ "${1:-}" = --fix ]; then
  clang-format-16 -i "${sources[@]}"
else
  clang-format-16 --dry-run --Werror "${sources[@]}"
fi
python3 tools/check_layers.py

if [ "${1:-}" != --tidy ]; then
  echo "lint: ${#sources[@]} files formatted, layers in order"
  exit 0
fi

[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
mapfile -t units < <(printf '%s\n' "${sources[@]}" | grep -E '^(sparseloom|apps|cli|bench)/.*\.cpp$')
printf '%s\0' "${units[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy-16 -p build/release --quiet 2> >(grep -v 'warnings generated' >&2)
echo "lint: ${#sources[@]} files formatted, layers in order, ${#units[@]} sources clean under clang-tidy"
