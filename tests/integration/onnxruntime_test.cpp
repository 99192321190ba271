// ONNX Runtime through the same interface as OpenVINO: what it computes, and what it refuses.
#include "sparseloom/backend/onnxruntime/onnxruntime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "sparseloom/backend/onnx/onnx_file.h"
#include "sparseloom/backend/openvino/openvino_runtime.h"
#include "sparseloom/backend/runtime.h"
#include "tests/support/made_up_zoo.h"
#include "tests/support/scoped_env.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::backend {
namespace {

using sparseloom::testing::ScopedEnv;
using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::tiny_determinant;
using sparseloom::testing::tiny_onnx;
using sparseloom::testing::TinyOnnx;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OnnxRuntime : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& model, const std::string& name = "m.onnx") {
    EXPECT_TRUE(write_file(folder_.path() / name, model).ok());
    return folder_.path() / name;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Executor> executor_ = open_onnxruntime().value();
};

CompileOptions by(Provider provider) {
  CompileOptions options;
  options.provider = provider;
  return options;
}

// y = relu(x w), x[1,4], w[4,3].
std::string small_layer() {
  TinyOnnx onnx;
  onnx.input("x", {1, 4}).weights("w", {4, 3}).output("y", {1, 3});
  return onnx.op("MatMul", "product", {"x", "w"}, "h").op("Relu", "relu", {"h"}, "y").text();
}

// Binds fresh memory, runs once on x = 1, 2, ..., and returns the first output.
std::vector<float> run_once(Executable& executable) {
  auto session = executable.new_session().value();
  std::vector<HostBuffer> inputs, outputs;
  for (const TensorSpec& spec : executable.inputs()) {
    HostBuffer& buffer = inputs.emplace_back(spec.bytes());
    std::vector<float> x(buffer.size() / sizeof(float));
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i + 1) / 8;
    std::memcpy(buffer.data(), x.data(), buffer.size());
    EXPECT_TRUE(session->bind_input(inputs.size() - 1, buffer.span()).ok());
  }
  for (const TensorSpec& spec : executable.outputs()) {
    HostBuffer& buffer = outputs.emplace_back(spec.bytes());
    EXPECT_TRUE(session->bind_output(outputs.size() - 1, buffer.span()).ok());
  }
  const Status ran = session->run();
  EXPECT_TRUE(ran.ok()) << ran.message();
  std::vector<float> y(outputs[0].size() / sizeof(float));
  std::memcpy(y.data(), outputs[0].data(), outputs[0].size());
  return y;
}

TEST_F(OnnxRuntime, AProviderOfAnotherDeviceIsRefusedOnTheCpu) {
  const Status status = executor_->load(write(small_layer()), by(Provider::kCuda)).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("provider cuda is for the device CUDA, not for CPU"));
}

TEST_F(OnnxRuntime, ComputesWhatOpenVinoDoes) {
  const auto path = write(small_layer());
  const auto by_onnxruntime = executor_->load(path, by(Provider::kOnnxRuntime));
  ASSERT_TRUE(by_onnxruntime.ok()) << by_onnxruntime.status().message();
  const auto by_openvino = make_openvino_runtime()->load(path, {});
  ASSERT_TRUE(by_openvino.ok()) << by_openvino.status().message();
  const std::vector<float> a = run_once(**by_onnxruntime), b = run_once(**by_openvino);
  ASSERT_EQ(a.size(), 3U);
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6);
}

TEST_F(OnnxRuntime, TellsInputsAndOutputs) {
  const auto executable = executor_->load(write(small_layer()), {}).value();
  ASSERT_EQ(executable->inputs().size(), 1U);
  EXPECT_EQ(executable->inputs()[0].describe(), "x f32[1,4]");
  EXPECT_EQ(executable->outputs()[0].describe(), "y f32[1,3]");
}

TEST_F(OnnxRuntime, RebindingMovesInputAndOutput) {
  const auto executable = executor_->load(write(small_layer()), {}).value();
  const auto session = executable->new_session().value();
  std::vector<HostBuffer> in, out;
  for (int i = 0; i < 2; ++i) {
    in.emplace_back(std::size_t{16});
    out.emplace_back(std::size_t{12});
    const std::vector<float> x(4, static_cast<float>(i));
    std::memcpy(in.back().data(), x.data(), 16);
  }
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_TRUE(session->bind_input(0, in[i].span()).ok());
    ASSERT_TRUE(session->bind_output(0, out[i].span()).ok());
    ASSERT_TRUE(session->run().ok());
  }
  EXPECT_NE(std::memcmp(out[0].data(), out[1].data(), 12), 0) << "each holds the answer to its own input";
}

TEST_F(OnnxRuntime, RefusesWrongSizesAndUnboundTensors) {
  const auto executable = executor_->load(write(small_layer()), {}).value();
  const auto session = executable->new_session().value();
  HostBuffer four(std::size_t{16});
  EXPECT_EQ(session->run().code(), Code::kFailedPrecondition);
  EXPECT_EQ(session->bind_input(0, four.span().first(8)).message(), "bind input 'x': got 8 bytes; it has 16");
  EXPECT_EQ(session->bind_input(1, four.span()).message(), "bind input 1: the model has 1");
}

TEST_F(OnnxRuntime, ReadsOnnxAlone) {
  EXPECT_EQ(executor_->load(folder_.path() / "none.onnx", {}).status().code(), Code::kNotFound);
  EXPECT_THAT(executor_->load(write("<net/>", "m.xml"), {}).status().message(), HasSubstr("ONNX models only"));
  EXPECT_EQ(executor_->load(write("no model"), {}).status().code(), Code::kDataLoss);
}

TEST_F(OnnxRuntime, OperatorsThatItDoesNotKnowAreNamed) {
  TinyOnnx onnx;
  onnx.input("x", {1, 4}).output("y", {1, 4}).op("Frobnicate", "f", {"x"}, "y", "com.acme");
  EXPECT_THAT(executor_->load(write(onnx.text()), {}).status().message(), HasSubstr("Frobnicate"));
}

TEST_F(OnnxRuntime, OpensTheLibraryThatTheEnvironmentNames) {
  const ScopedEnv named("SPARSELOOM_ONNXRUNTIME", "/nowhere/libonnxruntime.so");
  EXPECT_EQ(open_onnxruntime().status().code(), Code::kFailedPrecondition) << "asked for: not merely absent";
  EXPECT_FALSE(make_runtime("auto").ok());
  EXPECT_THAT(open_onnxruntime().status().message(), HasSubstr("cannot open /nowhere/libonnxruntime.so"));
  const ScopedEnv other("SPARSELOOM_ONNXRUNTIME", "libcrypto.so.3");
  EXPECT_EQ(open_onnxruntime().status().message(),
            "SPARSELOOM_ONNXRUNTIME: ONNX Runtime: libcrypto.so.3: a library, but not ONNX Runtime (no OrtGetApiBase)");
}

TEST_F(OnnxRuntime, StandsBesideOpenVino) {
  const auto runtime = make_runtime("auto").value();
  EXPECT_THAT(runtime->version(), HasSubstr(", onnxruntime 1."));
  auto devices = runtime->devices();
  ASSERT_FALSE(devices.empty());
  std::erase_if(devices[0].providers, [](Provider p) { return info(p).computes_in.has_value(); });  // if the CPU can
  EXPECT_THAT(devices[0].providers, ElementsAre(Provider::kOpenVino, Provider::kSparse, Provider::kOnnxRuntime));
  const auto path = write(small_layer());
  for (const Provider provider : {Provider::kOpenVino, Provider::kOnnxRuntime})
    EXPECT_TRUE(runtime->load(path, by(provider)).ok());
  EXPECT_EQ(runtime->load(path, by(Provider::kScripted)).status().message(), "provider scripted: not opened");
}

// A piece of an ONNX model computes what that part of the model does, by either runtime.
TEST_F(OnnxRuntime, PiecesOfAModelReproduceIt) {
  const auto path = write(tiny_onnx("w.bin"));
  std::string weights(48, '\0');
  for (std::size_t i = 0; i < 12; ++i) {
    const float w = static_cast<float>(i) / 4 - 1;
    std::memcpy(weights.data() + 4 * i, &w, 4);
  }
  write(weights, "w.bin");
  const OnnxFile file = OnnxFile::open(path).value();
  const TensorSpec x{"x", ElementType::kF32, {1, 4}}, h0{"h0", ElementType::kF32, {1, 4}},
      logits{"logits", ElementType::kF32, {1, 4}};
  std::filesystem::create_directory(folder_.path() / "parts");
  const auto first = folder_.path() / "parts/part0.onnx", second = folder_.path() / "parts/part1.onnx";
  ASSERT_TRUE(file.save_piece({x}, {h0}, first).ok());
  ASSERT_TRUE(file.save_piece({h0}, {logits}, second).ok());
  const auto openvino = make_openvino_runtime();
  for (const Executor* executor : std::initializer_list<const Executor*>{executor_.get(), openvino.get()}) {
    const auto whole = executor->load(path, {}).value();
    const auto one = executor->load(first, {}).value(), two = executor->load(second, {}).value();
    HostBuffer in(std::size_t{16}), between(std::size_t{16}), out(std::size_t{16}), expected(std::size_t{16});
    const std::vector<float> values{1, -2, 3, 0.5F};
    std::memcpy(in.data(), values.data(), 16);
    const auto run = [](Executable& executable, HostBuffer& from, HostBuffer& to) {
      const auto session = executable.new_session().value();
      ASSERT_TRUE(session->bind_input(0, from.span()).ok());
      ASSERT_TRUE(session->bind_output(0, to.span()).ok());
      ASSERT_TRUE(session->run().ok());
    };
    run(*whole, in, expected);
    run(*one, in, between);
    run(*two, between, out);
    EXPECT_EQ(std::memcmp(out.data(), expected.data(), 16), 0);
  }
}

TEST_F(OnnxRuntime, APieceThatLacksAnInputIsRefusedByName) {
  const OnnxFile file = OnnxFile::open(write(small_layer())).value();
  const TensorSpec h{"h", ElementType::kF32, {1, 3}}, y{"y", ElementType::kF32, {1, 3}};
  const auto part = folder_.path() / "part.onnx";
  EXPECT_THAT(file.save_piece({}, {y}, part).message(),
              HasSubstr("tensor 'x' is needed, and not among the piece's inputs"));
  EXPECT_THAT(file.save_piece({h}, {{"z", ElementType::kF32, {1}}}, part).message(),
              HasSubstr("tensor 'z' is not known"));
  ASSERT_TRUE(file.save_piece({h}, {h, y}, part).ok());
  const auto executable = executor_->load(part, {}).value();
  EXPECT_EQ(executable->outputs().size(), 2U) << "what travels through is an output of its own";
}

// --- models that OpenVINO cannot read

TEST_F(OnnxRuntime, ReadsWholeWhatOpenVinoCannotRead) {
  const auto both = make_runtime("auto").value();
  const auto read = both->read(write(tiny_determinant(-1).text()));
  ASSERT_TRUE(read.ok()) << read.status().message();
  const Graph& graph = (*read)->graph();
  EXPECT_THAT(graph.why_opaque, HasSubstr("OpenVINO does not support these operators: Det"));
  ASSERT_EQ(graph.inputs.size(), 1U);
  ASSERT_EQ(graph.outputs.size(), 1U);
  EXPECT_EQ(graph.edge(graph.inputs[0]).spec.describe(), "x f32[1,4,4]") << "a dynamic batch is 1";
  EXPECT_EQ(graph.edge(graph.outputs[0]).spec.describe(), "y f32[1]");

  const auto compiled = both->compile(**read, by(Provider::kOnnxRuntime));
  ASSERT_TRUE(compiled.ok()) << compiled.status().message();
  const auto saved = folder_.path() / "saved.onnx";
  ASSERT_TRUE((*read)->save(saved).ok());
  const auto loaded = executor_->load(saved, by(Provider::kOnnxRuntime));
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(run_once(**compiled), run_once(**loaded));
}

TEST_F(OnnxRuntime, WhatItReadsWholeIsNeitherCutNorConverted) {
  const auto read = make_runtime("auto").value()->read(write(tiny_determinant().text())).value();
  const Graph& graph = read->graph();
  EXPECT_TRUE(read->extract(graph.inputs, graph.outputs).ok());
  const Status half = read->extract(graph.inputs, graph.outputs, {{ElementType::kF16}, {}}).status();
  EXPECT_EQ(half.code(), Code::kFailedPrecondition);
  EXPECT_THAT(half.message(), HasSubstr("cannot be cut, nor its types converted"));
  EXPECT_EQ(read->extract(graph.outputs, graph.outputs).status().code(), Code::kFailedPrecondition);
  EXPECT_THAT(read->save(folder_.path() / "m.xml").message(), HasSubstr("but as ONNX"));
}

TEST_F(OnnxRuntime, AnOutputWhoseShapeDependsOnTheDataIsNamed) {
  TinyOnnx onnx = tiny_determinant(100);
  onnx.weights("least", {1}).op("Greater", "large", {"y", "least"}, "mask");
  onnx.op("Compress", "some", {"y", "mask"}, "those").output("those", {-1});
  const Status status = make_runtime("auto").value()->read(write(onnx.text())).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition) << status.message();
  EXPECT_THAT(status.message(), HasSubstr("output 'those' has a shape that depends on the data"));
}

TEST_F(OnnxRuntime, AnInputThatNeedsAShapeIsNamedByBoth) {
  TinyOnnx onnx;
  onnx.input("x", {-1, -1, -1}).op("Det", "determinant", {"x"}, "y").output("y", {-1});
  const auto both = make_runtime("auto").value();
  const auto path = write(onnx.text());
  EXPECT_THAT(both->read(path).status().message(), HasSubstr("input 'x' has the dynamic shape [?,?,?]"));
  EXPECT_THAT(both->read(path, {{"x", {2, 3}}}).status().message(), HasSubstr("[2,3] does not fit it"));
  const auto read = both->read(path, {{"x", {2, 3, 3}}});
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ((*read)->graph().edge((*read)->graph().outputs[0]).spec.describe(), "y f32[2]");
}

}  // namespace
}  // namespace sparseloom::backend
