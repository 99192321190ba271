#!/bin/bash
# Builds the seed-scale zoo: its own Python environment (torch, timm, transformers and NNCF: 6 GB,
# kept out of the default set-up), then build_seed.py. Arguments go to build_seed.py.
set -euo pipefail
source "$(dirname "$0")/environment.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sparseloom
mkdir -p "$cache"
python=$(python_of "$cache/zoo-seed-venv" "$(dirname "$0")/requirements-seed.txt")
exec "$python" "$(dirname "$0")/build_seed.py" "$@"
