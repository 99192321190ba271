#!/bin/bash
# Rebuilds the demo zoo in place: its own Python environment (torch and NNCF,
# kept out of the default set-up), then build.py. Arguments go to build.py.
set -euo pipefail
cd "$(dirname "$0")/../.."

for tool in npm espeak-ng; do
  if ! command -v "$tool" > /dev/null; then
    echo "make zoo: $tool is not on PATH; type: apt-get install npm espeak-ng" >&2
    exit 1
  fi
done

environment=build/zoo/venv
wanted=tools/zoo/requirements.txt
if ! cmp -s "$wanted" "$environment/installed.txt"; then
  python3 -m venv "$environment"
  "$environment/bin/python" -m pip install --quiet --disable-pip-version-check -r "$wanted"
  cp "$wanted" "$environment/installed.txt"
fi
exec "$environment/bin/python" tools/zoo/build.py "$@"
