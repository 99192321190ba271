#!/usr/bin/env bash
# Installs what building and running needs: the Debian packages of packages.apt (as root, or through password-less sudo)
# and the Python wheels of requirements.txt into .venv. What is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
for package in $(grep -v '^#' packages.apt); do
  [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ]; then
    as_root=()
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    echo "These Debian packages are missing. Install them, then run make again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "Installing ${#missing[@]} Debian packages"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

wanted=$(sha256sum requirements.txt)
if [ "$(cat .venv/.requirements 2>/dev/null)" != "$wanted" ]; then
  echo "Installing Python wheels into .venv (OpenVINO among them)"
  # Debian's interpreter if there is one, so that a version manager's shim does not decide.
  python=$([ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
  .venv/bin/python -m pip --version >/dev/null 2>&1 || "$python" -m venv --clear .venv  # none, or half of one
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
  echo "$wanted" > .venv/.requirements
fi
