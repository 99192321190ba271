"""What git holds of a zoo packed comes out as zoo.json lists it, or not at all."""

import hashlib
import json
import lzma
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import zoo_pack  # noqa: E402

WEIGHTS = bytes(10_000) + b"the rest"


class Pack(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.zoo = pathlib.Path(scratch.name)
        self.model = self.zoo / "task" / "dense" / "model.bin"
        self.model.parent.mkdir(parents=True)
        self.model.write_bytes(WEIGHTS)
        (self.zoo / "task" / "task.json").write_text("{}\n")
        listed = {"path": "task/dense/model.bin", "bytes": len(WEIGHTS), "sha256": hashlib.sha256(WEIGHTS).hexdigest()}
        elsewhere = {"path": "task/data/fetched.npy", "bytes": 1, "sha256": "0" * 64}
        (self.zoo / "zoo.json").write_text(json.dumps({"files": [listed, elsewhere]}))
        self.packed = zoo_pack.packed(self.model)

    def test_comes_back_as_it_was(self):
        self.assertEqual(zoo_pack.pack(self.zoo), 1)
        self.assertLess(self.packed.stat().st_size, 1000)
        self.model.unlink()
        self.assertEqual(zoo_pack.unpack(self.zoo), 1)
        self.assertEqual(self.model.read_bytes(), WEIGHTS)

    def test_what_is_right_is_left_alone(self):
        self.packed.write_bytes(lzma.compress(WEIGHTS, preset=0))  # by another version, maybe
        before = self.packed.read_bytes()
        self.assertEqual((zoo_pack.pack(self.zoo), zoo_pack.unpack(self.zoo)), (0, 0))
        self.assertEqual(self.packed.read_bytes(), before)

    def test_what_is_damaged_is_written_anew(self):
        zoo_pack.pack(self.zoo)
        self.model.write_bytes(WEIGHTS[::-1])
        self.assertEqual(zoo_pack.unpack(self.zoo), 1)
        self.assertEqual(self.model.read_bytes(), WEIGHTS)

    def test_other_content_than_listed_is_refused(self):
        self.packed.write_bytes(lzma.compress(b"something else"))
        self.model.unlink()
        with self.assertRaisesRegex(zoo_pack.PackError, r"model\.bin\.xz: SHA-256 unpacked is [0-9a-f]{64}, expected"):
            zoo_pack.unpack(self.zoo)
        self.assertFalse(self.model.exists())

    def test_a_cut_off_file_is_refused(self):
        zoo_pack.pack(self.zoo)
        self.packed.write_bytes(self.packed.read_bytes()[:-20])
        self.model.unlink()
        with self.assertRaisesRegex(zoo_pack.PackError, r"model\.bin\.xz: cannot be unpacked"):
            zoo_pack.unpack(self.zoo)


if __name__ == "__main__":
    unittest.main()
