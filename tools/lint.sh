#!/usr/bin/env bash
# lint.sh [--fix | --tidy | --tidy-changed [BASE]]: format and layers. --fix formats in place instead of complaining. --tidy
# runs clang-tidy too, over every source (minutes). --tidy-changed runs it over what changed since the branch left BASE,
# uncommitted changes included: changed sources, and for a changed header one that includes it. BASE (also from the
# environment) is origin/main if this branch has left it, else the commit before. Where history does not reach back to it, as
# in a clone of depth 1, it is the layers base and sched: every source takes longer than CI has.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=${1:-} base=${2:-${BASE:-}}
case $mode in
  '' | --fix | --tidy | --tidy-changed) ;;
  *) echo "lint: got $mode; allowed: --fix, --tidy, --tidy-changed [BASE]" >&2; exit 2 ;;
esac

listed=$(git ls-files --cached --others --exclude-standard '*.cpp' '*.h')
[ -n "$listed" ] || { echo "lint: git lists no source here" >&2; exit 1; }
mapfile -t sources < <(while read -r file; do [ ! -f "$file" ] || echo "$file"; done <<< "$listed")
if [ "$mode" = --fix ]; then
  clang-format-16 -i "${sources[@]}"
else
  clang-format-16 --dry-run --Werror "${sources[@]}"
fi
python3 tools/check_layers.py
clean="${#sources[@]} files formatted, layers in order"
[[ $mode == --tidy* ]] || { echo "lint: $clean"; exit 0; }

tidied='^(sparseloom|apps|cli|bench)/.*\.cpp$'

# The sources to look at for a list of changed files.
units_of() {
  local file including
  while read -r file; do
    case $file in
      *.cpp) echo "$file" ;;
      *.h)
        including=$(git grep -l --fixed-strings "#include \"${file#include/}\"" -- '*.cpp' | grep -E "$tidied" || true)
        { grep -E "/$(basename "$file" .h)\.cpp$" <<< "$including" || echo "$including"; } | head -n 1 ;;
    esac
  done
}

# Files that differ from where this branch left its base, and files that git does not know yet.
changed() {
  local since
  if [ -n "$base" ]; then
    since=$(git merge-base "$base" HEAD 2>/dev/null) || return 1
  else
    since=$(git merge-base origin/main HEAD 2>/dev/null || git rev-parse HEAD)
    [ "$since" != "$(git rev-parse HEAD)" ] || since=$(git rev-parse --verify --quiet HEAD~1) || return 1
  fi
  git diff --name-only --diff-filter=d "$since" -- '*.cpp' '*.h' || return 1
  git ls-files --others --exclude-standard '*.cpp' '*.h'
}

scope=sources
if [ "$mode" = --tidy-changed ] && files=$(changed); then
  scope="changed sources"
  found=$(units_of <<< "$files" | grep -E "$tidied" | sort -u || true)
else
  if [ "$mode" = --tidy-changed ]; then
    echo "lint: no ${base:-commit before} here to compare with: clang-tidy runs over base and sched"
    tidied='^sparseloom/(base|sched)/.*\.cpp$'
  fi
  found=$(printf '%s\n' "${sources[@]}" | grep -E "$tidied")
fi
# A change of everything would take hours: of a longer list every so-many-eth is looked at.
if [ "$mode" = --tidy-changed ] && [ "$(wc -l <<< "$found")" -gt "${TIDY_MOST:=8}" ]; then
  all=$(wc -l <<< "$found")
  found=$(awk -v all="$all" -v most="$TIDY_MOST" 'int(NR * most / all) > int((NR - 1) * most / all)' <<< "$found")
  echo "lint: clang-tidy looks at $TIDY_MOST of $all sources (TIDY_MOST=$all for all)"
fi
[ -n "$found" ] || { echo "lint: $clean, no source changed that clang-tidy looks at"; exit 0; }
mapfile -t units <<< "$found"

# A build folder of its own: the compile commands of a unity build name no source of ours.
[ -f build/tidy/build.ninja ] || cmake --preset release -B build/tidy -DCMAKE_UNITY_BUILD=OFF >/dev/null
printf '%s\0' "${units[@]}" | xargs -0 -n 4 -P "$(nproc)" clang-tidy-16 -p build/tidy --quiet \
  2> >(grep -v 'warnings generated' >&2)
echo "lint: $clean, ${#units[@]} $scope clean under clang-tidy"
