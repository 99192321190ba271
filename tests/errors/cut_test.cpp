#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/errors/cli.h"
#include "tests/support/tiny_ir.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::testing {
namespace {

class CutErrors : public ::testing::Test {
 protected:
  fs::path model(const TinyIr& ir = tiny_resnet(4)) { return ir.write(folder_.path() / "m.xml"); }
  fs::path onnx_model(const TinyOnnx& onnx) {
    EXPECT_TRUE(write_file(path("m.onnx"), onnx.text()).ok());
    return path("m.onnx");
  }
  fs::path path(const std::string& name) const { return folder_.path() / name; }

  TemporaryFolder folder_;
};

TEST_F(CutErrors, MissingModel) {
  expect_one_line_error(run_cli({"cut", path("none.xml")}), 1, {"none.xml", "no such file"});
}

TEST_F(CutErrors, MissingWeights) {
  const fs::path xml = model();
  fs::remove(path("m.bin"));
  expect_one_line_error(run_cli({"cut", xml}), 1, {"m.bin", "no such file", "m.xml"});
}

TEST_F(CutErrors, TruncatedWeights) {
  const fs::path xml = model();
  fs::resize_file(path("m.bin"), 100);
  expect_one_line_error(run_cli({"cut", xml}), 1, {"m.xml", "cannot read the model"});
}

TEST_F(CutErrors, TruncatedXml) {
  const fs::path xml = model();
  fs::resize_file(xml, fs::file_size(xml) / 2);
  expect_one_line_error(run_cli({"cut", xml}), 1, {"m.xml", "cannot read the model"});
}

TEST_F(CutErrors, NotAModel) {
  ASSERT_TRUE(write_file(path("m.onnx"), "these are not the bytes of a model").ok());
  expect_one_line_error(run_cli({"cut", path("m.onnx")}), 1, {"m.onnx", "cannot read the model"});
  ASSERT_TRUE(write_file(path("empty.onnx"), "").ok());
  expect_one_line_error(run_cli({"cut", path("empty.onnx")}), 1, {"empty.onnx", "empty"});
  expect_one_line_error(run_cli({"cut", folder_.path()}), 2, {"not a file"});
}

TEST_F(CutErrors, FileOfAnotherKind) {
  ASSERT_TRUE(write_file(path("m.py"), "import numpy").ok());
  expect_one_line_error(run_cli({"cut", path("m.py")}), 2, {"m.py: not a model; allowed: .onnx, .xml"});
}

TEST_F(CutErrors, ShapeThatNoMemoryHolds) {
  TinyIr ir;
  const int x = ir.parameter("x", {-1, 16});
  ir.result(ir.add("y", "ReLU", "opset1", "", {x}, {-1, 16}));
  expect_one_line_error(run_cli({"cut", model(ir), "--shape", "x=1000000000000,16"}), 1,
                        {"m.xml: tensor x f32[1000000000000,16] takes 59604.6 GiB; this machine has"});
}

TEST_F(CutErrors, FewerThanOnePart) {
  expect_one_line_error(run_cli({"cut", model(), "--parts", "0"}), 2, {"--parts 0", "at least 1"});
}

TEST_F(CutErrors, MorePartsThanTheModelHasCuts) {
  expect_one_line_error(run_cli({"cut", model(), "--parts", "100", "--out", path("o")}), 2,
                        {"m.xml", "100 parts need 99 cuts", "the model has 19"});
  EXPECT_FALSE(fs::exists(path("o")));
  expect_one_line_error(run_cli({"cut", model(), "--parts", "2000000000"}), 2, {"the model has 19"});
}

TEST_F(CutErrors, OutputFolderThatIsNotEmptyOrNoFolder) {
  const fs::path xml = model();
  ASSERT_TRUE(fs::create_directory(path("full")) && write_file(path("full/file"), "x").ok());
  expect_one_line_error(run_cli({"cut", xml, "--out", path("full")}), 2, {"--out", "full", "not empty"});
  expect_one_line_error(run_cli({"cut", xml, "--out", path("full/file")}), 2, {"--out", "not a folder"});
}

TEST_F(CutErrors, OutputFolderThatCannotBeMade) {
  const fs::path xml = model();
  expect_one_line_error(run_cli({"cut", xml, "--out", "/proc/no/pieces"}), 1,
                        {"/proc/no/pieces", "cannot create folder"});
}

TEST_F(CutErrors, BadShape) {
  const fs::path xml = model();
  expect_one_line_error(run_cli({"cut", xml, "--shape", "x=1,zwei"}), 2,
                        {"--shape x=1,zwei", "expected NAME=1,3,224,224"});
  expect_one_line_error(run_cli({"cut", xml, "--shape", "x=1,-16"}), 2, {"-16 is not a positive extent"});
  expect_one_line_error(run_cli({"cut", xml, "--shape", "y=1,16"}), 2, {"m.xml: input 'y': not known; allowed: x"});
  expect_one_line_error(run_cli({"cut", xml, "--shape", "x=1,17"}), 2, {"input 'x'", "[1,17]"});
}

TEST_F(CutErrors, DynamicInputWithoutShape) {
  TinyIr ir;
  const int x = ir.parameter("x", {-1, -1});
  ir.result(ir.add("y", "ReLU", "opset1", "", {x}, {-1, -1}));
  expect_one_line_error(run_cli({"cut", model(ir)}), 1, {"input 'x'", "dynamic", "x=1,128"});
}

TEST_F(CutErrors, StatefulModelIsRefusedByTheNameOfItsState) {
  expect_one_line_error(run_cli({"cut", model(tiny_stateful())}), 1, {"m.xml", "stateful", "memory"});
}

TEST_F(CutErrors, UnknownTensor) {
  expect_one_line_error(run_cli({"cut", model(), "--at", "block7"}), 1, {"no tensor 'block7'", "closest: block"});
}

TEST_F(CutErrors, OnnxOperatorsThatAreNotSupportedAreNamed) {
  TinyOnnx onnx = tiny_layers(2);
  onnx.op("FancyOp", "fancy", {"y"}, "z", "com.acme").op("PlainOp", "plain", {"z"}, "v", "com.acme");
  expect_one_line_error(run_cli({"cut", onnx_model(onnx.output("v", {1, 8}))}), 1,
                        {"m.onnx", "does not support these operators: ", "com.acme.FancyOp", "com.acme.PlainOp"});
}

TEST_F(CutErrors, WhatOnlyOnnxRuntimeReadsCanOnlyBeServedWhole) {
  expect_one_line_error(run_cli({"cut", onnx_model(tiny_determinant())}), 1,
                        {"m.onnx", "does not support these operators: Det", "cannot be cut", "sparseloom run"});
}

// OpenVINO's own conversion crashes on these.
TEST_F(CutErrors, AClipWithoutBoundsBehindAnOperatorThatIsNotSupported) {
  TinyOnnx onnx = tiny_layers(1);
  onnx.op("FancyOp", "fancy", {"y"}, "z", "com.acme").op("Clip", "clip", {"z"}, "v");
  expect_one_line_error(run_cli({"cut", onnx_model(onnx.output("v", {1, 8}))}), 1,
                        {"m.onnx", "does not support these operators: ", "com.acme.FancyOp"});
}

TEST_F(CutErrors, DynamicOnnxInputIsSaidBeforeAnythingIsConverted) {
  TinyOnnx onnx;
  onnx.input("x", {-1, -1}).op("FancyOp", "fancy", {"x"}, "z", "com.acme").output("z", {-1, -1});
  expect_one_line_error(run_cli({"cut", onnx_model(onnx)}), 1, {"m.onnx: input 'x'", "dynamic", "x=1,128"});
}

TEST_F(CutErrors, ModelThatDrawsRandomNumbers) {
  TinyOnnx onnx = tiny_layers(2);
  onnx.op("RandomNormalLike", "dice", {"y"}, "noise").op("Add", "noisy", {"y", "noise"}, "z").output("z", {1, 8});
  expect_one_line_error(run_cli({"cut", onnx_model(onnx)}), 1,
                        {"m.onnx", "draws random numbers", "for tensor 'noise'"});
}

TEST_F(CutErrors, OutputsThatAreNeverFinite) {
  TinyOnnx onnx = tiny_layers(1);
  onnx.op("Abs", "abs", {"y"}, "a").op("Neg", "neg", {"a"}, "n").op("Sqrt", "root", {"n"}, "r").output("r", {1, 8});
  expect_one_line_error(run_cli({"cut", onnx_model(onnx), "--parts", "2", "--out", path("o")}), 1,
                        {"m.onnx", "NaN or infinite on all 6 inputs"});
  EXPECT_FALSE(fs::exists(path("o")));
}

TEST_F(CutErrors, TensorNamesMayHoldCommas) {
  TinyOnnx onnx;
  onnx.input("x", {1, 8}).op("Tanh", "first", {"x"}, "a,b").op("Neg", "second", {"a,b"}, "y").output("y", {1, 8});
  const CliResult cut = run_cli({"cut", onnx_model(onnx), "--at", "a\\,b"});
  EXPECT_EQ(cut.status, 0) << cut.err;
}

TEST_F(CutErrors, UnwritableJson) {
  expect_one_line_error(run_cli({"cut", model(), "--parts", "2", "--json", "/proc/no/file.json"}), 1,
                        {"/proc/no/file.json"});
}

}  // namespace
}  // namespace sparseloom::testing
