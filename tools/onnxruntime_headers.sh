#!/usr/bin/env bash
# Puts ONNX Runtime's C++ headers into .venv/onnxruntime/include. The PyPI wheel has the library without them; Debian's
# package libonnxruntime-dev has them, in releases newer than the one that this project builds on, so the package is unpacked
# there and not installed. Which one, and its SHA-256, is in tools/onnxruntime_headers.txt; where that one is gone from the
# archive, the newest that fits the wheel's library is taken (the archive's signature is checked), and so with --renew,
# which also writes the file anew.
set -euo pipefail
cd "$(dirname "$0")/.."
record=tools/onnxruntime_headers.txt
target=.venv/onnxruntime
key=/usr/share/keyrings/debian-archive-keyring.gpg
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Where this system gets its own release from.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(COMPONENT) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
  awk '$2 == "main" && $3 == "Debian" && $4 == "Debian" { print $1; exit }')
[ -n "$mirror" ] || { echo "onnxruntime_headers.sh: no Debian archive among this system's package sources" >&2; exit 1; }

recorded() { # the package of the record, checked; false if it is gone
  read -r path sum < <(grep -v '^#' "$record") && [ -n "$sum" ] || return 1
  /usr/lib/apt/apt-helper -qq download-file "$mirror$path" "$work/headers.deb" "SHA256:$sum" 2>/dev/null
}

newest() { # the newest package that the wheel's library can serve: API 1.N of the headers at most that of the library
  local library options version
  library=$(ls .venv/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.1.* | sed -E 's/.*\.so\.1\.([0-9]+).*/\1/')
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  for suite in trixie forky sid; do echo "deb [signed-by=$key] $mirror $suite main"; done > "$work/sources.list"
  options=(-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$work/lists"
    -o Dir::Cache="$work" -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -o APT::Sandbox::User=root)
  apt-get "${options[@]}" -qq update
  version=$(apt-cache "${options[@]}" madison libonnxruntime-dev | awk -F'|' '{ gsub(/ /, "", $2); print $2 }' | sort -Vr |
    awk -F'[.]' -v most="$library" '$1 == 1 && $2 <= most { print; exit }')
  [ -n "$version" ] || { echo "onnxruntime_headers.sh: no libonnxruntime-dev of 1.$library or older in trixie, forky or sid" >&2; exit 1; }
  read -r uri _ < <(cd "$work" && apt-get "${options[@]}" -qq --print-uris download "libonnxruntime-dev=$version" | tr -d "'")
  (cd "$work" && apt-get "${options[@]}" -qq download "libonnxruntime-dev=$version" && mv libonnxruntime-dev_*.deb headers.deb)
  found="${uri#"$mirror"} $(sha256sum "$work/headers.deb" | cut -d' ' -f1)"
}

if [ "${1:-}" = --renew ]; then
  newest
  { grep '^#' "$record" 2>/dev/null || true; echo "$found"; } > "$work/record" && cp "$work/record" "$record"
elif ! recorded; then
  newest
  echo "onnxruntime_headers.sh: the package of $record is gone; took ${found% *} (tools/onnxruntime_headers.sh --renew records it)" >&2
fi
dpkg -x "$work/headers.deb" "$work/files"
rm -rf "$target"
mkdir -p "$target"
cp -r "$work/files/usr/include/onnxruntime" "$target/include"
