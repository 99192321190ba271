"""The layer check must fail on each mistake it exists for, and pass on this tree."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHECK = ROOT / "tools" / "check_layers.py"


def check(root):
    done = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True)
    return done.returncode, done.stdout


class CheckLayers(unittest.TestCase):
    def refused(self, path, line, message):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, path)
            file.parent.mkdir(parents=True)
            pathlib.Path(folder, "sparseloom").mkdir(exist_ok=True)
            file.write_text(f"#pragma once\n{line}\n")
            status, output = check(folder)
            self.assertEqual(status, 1)
            self.assertIn(message, output)

    def test_this_tree_is_clean(self):
        self.assertEqual(check(ROOT), (0, "layers: every include points left\n"))

    def test_an_include_to_the_right(self):
        self.refused("sparseloom/zoo/a.h", '#include "sparseloom/plan/planner.h"', "zoo/a.h:2: layer zoo includes")

    def test_a_library_includes_the_command_line(self):
        self.refused("sparseloom/engine/a.cpp", '#include "apps/commands.h"', "in no layer to its left")

    def test_a_runtime_leaks(self):
        self.refused("sparseloom/backend/runtime.h", "#include <openvino/openvino.hpp>", "only sparseloom/backend/openvino/ may")

    def test_a_folder_that_is_no_layer(self):
        self.refused("sparseloom/misc/a.h", "", "sparseloom/misc: not a layer")


if __name__ == "__main__":
    unittest.main()
