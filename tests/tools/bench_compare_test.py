#!/usr/bin/env python3
"""What bench_compare.py makes of two programs' benches, and of a revision that there is none of or that does not build."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).parents[2] / "tools/bench_compare.py"
sys.path.insert(0, str(TOOL.parent))
from bench_compare import costs  # noqa: E402


class Costs(unittest.TestCase):
    def test_medians_and_numbers_with_a_unit(self):
        document = {"machine": "m", "cells": 81,
                    "exact": {"median": 2.0, "q1": 1.0, "q3": 3.0, "max": 9.0},
                    "hot_ms": {"count": 40, "p50": 0.1, "p99": 1.0},
                    "full_bytes": 4096, "limited_bytes": None, "share": 0.5}
        self.assertEqual(costs(document), {"exact": 2.0, "hot_ms": 0.1, "full_bytes": 4096})

    def test_elements_of_lists_by_what_tells_them_apart(self):
        self.assertEqual(costs({"dispatch": [{"processors": 1, "look_us": 3}, {"processors": 2, "look_us": 5}]}),
                         {"dispatch[processors=1].look_us": 3, "dispatch[processors=2].look_us": 5})
        self.assertEqual(costs([{"look_us": 3}, {"look_us": 3}]), {"[0].look_us": 3, "[1].look_us": 3})


class Stage(unittest.TestCase):
    """A folder for programs, and the tool run there."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def program(self, name, figures, benches=("engine",)):
        """A stand-in for sparseloom: `bench --help` lists `benches`, `bench NAME --json FILE` writes `figures`."""
        file = self.folder / name
        file.write_text(f"""#!{sys.executable}
import sys
if "--help" in sys.argv:
    print("Subcommands:", *(bench + "   what it costs" for bench in {benches!r}), sep="\\n  ")
elif "--new" in sys.argv and {name!r} == "base":
    sys.exit("sparseloom: --new: not expected")
else:
    open(sys.argv[-1], "w").write({json.dumps(figures)!r})
""")
        file.chmod(0o755)
        return file

    def compare(self, *words, cwd=None):
        done = subprocess.run([sys.executable, TOOL, *words], cwd=cwd or self.folder, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class Compare(Stage):
    def pair(self, *words, **kwargs):
        return self.compare("--base-program", self.program("base", {"a_ms": 2, "same_bytes": 7, "b_us": 10}),
                            "--program", self.program("this", {"a_ms": 3, "same_bytes": 7, "new_ms": 1, "b_us": 5}, **kwargs),
                            *words)

    def test_prints_each_ratio_of_medians(self):
        status, output = self.pair("engine", "--rounds", "2")
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"a_ms +2 +3 +1.500 \[1.500..1.500\]")
        self.assertRegex(output, r"b_us +10 +5 +0.500 \[0.500..0.500\]")
        self.assertIn("1 more are the same in every run", output)
        self.assertNotIn("new_ms", output)  # the base has nothing to divide by
        self.assertIn("1 left out: missing or 0 in some run", output)

    def test_counts_what_cannot_be_compared(self):
        base = self.program("base", {"a_ms": 2, "gone_ms": 2, "zero_ms": 0, "b_ms": 1})
        ours = self.program("this", {"a_ms": 3, "new_ms": 2, "zero_ms": 1, "b_ms": 0})
        _, output = self.compare("--base-program", base, "--program", ours, "engine", "--rounds", "1")
        self.assertIn("4 left out: missing or 0 in some run", output)
        for name in ("gone_ms", "new_ms", "zero_ms", "b_ms"):
            self.assertNotIn(name, output)

    def test_the_programs_take_turns_at_going_first(self):
        _, output = self.pair("engine", "--rounds", "2")
        self.assertEqual([line.split()[-1] for line in output.splitlines() if line.startswith("round")],
                         ["base", "this", "this", "base"])

    def test_a_bench_that_the_base_does_not_have_is_skipped(self):
        status, output = self.pair("estimator", "engine", benches=("engine", "estimator"))
        self.assertEqual(status, 0, output)
        self.assertIn("bench estimator\n  the base has no such bench: skipped", output)
        self.assertIn("a_ms", output)

    def test_an_option_that_the_base_does_not_have_too(self):
        status, output = self.pair("engine --new")
        self.assertEqual(status, 0, output)
        self.assertIn("the base does not run it: skipped (sparseloom: --new: not expected)", output)

    def test_a_program_that_is_not_there(self):
        status, output = self.compare("engine", "--base-program", "nowhere", "--program", self.program("this", {}))
        self.assertEqual(status, 1)
        self.assertIn("--base-program: nowhere: no such program", output)

    def test_no_rounds(self):
        status, output = self.pair("engine", "--rounds", "0")
        self.assertEqual(status, 2)
        self.assertIn("--rounds: 0; at least 1", output)


class Revisions(Stage):
    def setUp(self):
        super().setUp()
        self.repository = self.folder / "repository"
        self.git("init", "--quiet", self.repository)
        self.git("-C", self.repository, "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "--allow-empty", "-m", "first")

    def git(self, *words):
        subprocess.run(["git", *words], check=True, capture_output=True)

    def of_revision(self, revision):
        return self.compare("engine", "--base", revision, "--program", self.program("this", {}), cwd=self.repository)

    def test_one_that_does_not_exist(self):
        status, output = self.of_revision("v99")
        self.assertEqual(status, 2)
        self.assertIn("--base v99: no such revision", output)

    def test_one_that_does_not_build(self):
        status, output = self.of_revision("HEAD")
        self.assertEqual(status, 1)
        self.assertIn("--base HEAD: does not build (cmake --preset release)", output)
        self.assertTrue((self.repository / "build/base.log").read_text())
        self.assertFalse((self.repository / "build/base").exists(), "the worktree is removed")


if __name__ == "__main__":
    unittest.main()
