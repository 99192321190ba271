# To be sourced: python_of FOLDER REQUIREMENTS makes the Python environment FOLDER (once, and anew
# when REQUIREMENTS change) and prints its interpreter.
python_of() {
  if ! cmp -s "$2" "$1/installed.txt"; then
    python3 -m venv "$1"
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$2"
    cp "$2" "$1/installed.txt"
  fi
  echo "$1/bin/python"
}
