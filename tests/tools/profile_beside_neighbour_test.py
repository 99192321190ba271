"""What tools/profile_beside_neighbour.py makes of three profiles."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import profile_beside_neighbour as tool


class Summary(unittest.TestCase):
    quiet = {"a": (1.0, False), "b": (2.0, False), "c": (4.0, False)}
    after = {"a": (1.2, False), "b": (2.4, False), "c": (4.8, False)}

    def test_what_is_marked_does_not_count(self):
        busy = {"a": (1.1, False), "b": (2.2, False), "c": (12.0, True)}
        result = tool.summary(self.quiet, busy, self.after)
        self.assertEqual((result["marked"], result["unmarked"]), (1, 2))
        self.assertAlmostEqual(result["off"], 0)
        self.assertAlmostEqual(result["moved"], 0.2)

    def test_what_is_not_marked_does(self):
        busy = {"a": (2.2, False), "b": (4.4, False), "c": (8.8, False)}
        self.assertAlmostEqual(tool.summary(self.quiet, busy, self.after)["off"], 1)

    def test_all_marked_is_off_by_nothing(self):
        busy = {k: (2 * ms, True) for k, (ms, _) in self.quiet.items()}
        self.assertIsNone(tool.summary(self.quiet, busy, self.after)["off"])


if __name__ == "__main__":
    unittest.main()
