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

source tools/zoo/environment.sh
python=$(python_of build/zoo/venv tools/zoo/requirements.txt)
exec "$python" tools/zoo/build.py "$@"
