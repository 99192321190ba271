// One model by the CPU and a device with memory of its own, here WebGPU in software (tests/support/software_gpu.h), and
// parts of ONNX models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "sparseloom/backend/hybrid/hybrid.h"
#include "sparseloom/backend/hybrid/parts.h"
#include "sparseloom/backend/hybrid/program.h"
#include "sparseloom/base/file.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/profile/measure/hybrid.h"
#include "sparseloom/profile/measure/operators.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/cut_check.h"
#include "tests/support/software_gpu.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::backend {
namespace {

using sparseloom::testing::SoftwareGpu;
using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::TinyOnnx;
using ::testing::HasSubstr;

CompileOptions by(Provider provider, const std::string& device = "CPU") {
  CompileOptions options;
  options.provider = provider;
  options.device = device;
  return options;
}

// An ONNX model in a file, read, and run whole by OpenVINO or by members.
class HybridOnnx : public ::testing::Test {
 protected:
  void open(const TinyOnnx& onnx, Runtime& runtime) {
    ASSERT_TRUE(write_file(file_, onnx.text()).ok());
    auto model = runtime.read(file_);
    ASSERT_TRUE(model.ok()) << model.status().message();
    model_ = std::move(*model);
  }

  EdgeId tensor(const std::string& name) const {
    const Graph& graph = model_->graph();
    for (std::size_t e = 0; e < graph.edges.size(); ++e) {
      const Edge& edge = graph.edges[e];
      if (edge.spec.name == name || std::find(edge.aliases.begin(), edge.aliases.end(), name) != edge.aliases.end())
        return EdgeId(e);
    }
    ADD_FAILURE() << "no tensor " << name;
    return EdgeId(0);
  }

  Result<std::vector<std::byte>> run(Executable& executable) const {
    zoo::Boundaries boundaries(1);
    SL_ASSIGN_OR_RETURN(const auto session, boundaries.bind(executable, 0));
    const auto inputs = zoo::seeded_inputs(model_->graph(), 0);
    for (std::size_t k = 0; k < inputs.size(); ++k)
      std::memcpy(boundaries.at(0)[k].data(), inputs[k].data(), inputs[k].size());
    SL_RETURN_IF_ERROR(session->run());
    const auto out = boundaries.at(1)[0].span();
    return std::vector<std::byte>(out.begin(), out.end());
  }

  void expect_as_whole(const Runtime& runtime, const HybridOptions& options, double allowed) const {
    const auto whole = runtime.compile(*model_, by(Provider::kOpenVino));
    const auto hybrid = compile_hybrid(runtime, *model_, options, file_);
    ASSERT_TRUE(hybrid.ok()) << hybrid.status().message();
    const auto expected = run(**whole), answer = run(**hybrid);
    ASSERT_TRUE(expected.ok() && answer.ok()) << answer.status().message();
    EXPECT_LE(zoo::compare((*hybrid)->outputs()[0], *expected, *answer).max_rel, allowed);
  }

  TemporaryFolder folder_;
  const std::filesystem::path file_ = folder_.path() / "model.onnx";
  std::unique_ptr<Model> model_;
};

// --- parts of ONNX models, by ONNX Runtime on the CPU

// y in two parts along every axis along which it can be divided, with others in between left whole.
class OnnxParts : public HybridOnnx {
 protected:
  void SetUp() override { runtime_ = make_runtime("auto").value(); }

  // The axes along which `output` can be computed in parts of x.
  std::vector<std::size_t> axes_of(const TinyOnnx& onnx) {
    open(onnx, *runtime_);
    std::vector<std::size_t> axes;
    const EdgeId y = model_->graph().outputs[0];
    const TensorSpec& spec = model_->graph().edge(y).spec;
    const auto expected = run(*runtime_->compile(*model_, by(Provider::kOpenVino)).value()).value();
    for (std::size_t axis = 0; axis < spec.shape.size(); ++axis) {
      if (spec.shape[axis] == 1) continue;
      bool divided = true;
      const std::int64_t middle = spec.shape[axis] / 2;
      for (const AxisRange& range : {AxisRange{axis, 0, middle}, AxisRange{axis, middle, spec.shape[axis]}}) {
        PartCompiler compiler(*runtime_, *model_, file_);
        auto part = compiler.compile({0, model_->graph().inputs, {y}, range}, by(Provider::kOnnxRuntime));
        if (!part.ok()) {
          EXPECT_EQ(part.status().code(), Code::kFailedPrecondition) << part.status().message();
          why_not_ = part.status().message();
          divided = false;
          break;
        }
        expect_range(*part, range, spec, expected);
      }
      if (divided) axes.push_back(axis);
    }
    return axes;
  }

  void expect_range(Part& part, const AxisRange& range, const TensorSpec& whole,
                    const std::vector<std::byte>& expected) const {
    const TensorSpec& spec = part.executable->outputs()[0];
    ASSERT_EQ(spec.shape[range.axis], range.end - range.begin);
    const auto session = part.executable->new_session().value();
    const auto made_up = zoo::seeded_inputs(model_->graph(), 0);
    for (std::size_t k = 0; k < part.inputs.size(); ++k) {
      const auto& [tensor, read] = part.inputs[k];
      const auto piece = piece_of(model_->graph().edge(tensor).spec, read);
      ASSERT_TRUE(piece) << "lies in one piece";
      ASSERT_TRUE(session->bind_input(k, made_up[k].span().subspan(piece->begin, piece->end - piece->begin)).ok());
    }
    HostBuffer out(spec.bytes());
    ASSERT_TRUE(session->bind_output(0, out.span()).ok());
    const Status ran = session->run();
    ASSERT_TRUE(ran.ok()) << ran.message();
    // The range of what the whole model answers.
    std::size_t outer = 1, inner = sizeof(float);
    for (std::size_t a = 0; a < range.axis; ++a) outer *= static_cast<std::size_t>(whole.shape[a]);
    for (std::size_t a = range.axis + 1; a < whole.shape.size(); ++a) inner *= static_cast<std::size_t>(whole.shape[a]);
    std::vector<std::byte> wanted;
    for (std::size_t o = 0; o < outer; ++o) {
      const std::size_t at = o * static_cast<std::size_t>(whole.shape[range.axis]) * inner;
      wanted.insert(wanted.end(),
                    expected.begin() + static_cast<std::ptrdiff_t>(at + static_cast<std::size_t>(range.begin) * inner),
                    expected.begin() + static_cast<std::ptrdiff_t>(at + static_cast<std::size_t>(range.end) * inner));
    }
    EXPECT_LE(zoo::compare(spec, wanted, out.span()).max_rel, 1e-5) << "axis " << range.axis;
  }

  std::unique_ptr<Runtime> runtime_;
  std::string why_not_;
};

using Axes = std::vector<std::size_t>;

TEST_F(OnnxParts, ConvolutionsAreDividedByOutputChannels) {
  TinyOnnx onnx;
  onnx.input("x", {1, 8, 8, 8}).weights("w", {16, 8, 3, 3}).weights("b", {16}).output("y", {1, 16, 6, 6});
  onnx.op("Conv", {"x", "w", "b"}, "h", {{"kernel_shape", {3, 3}}}).op("Relu", "relu", {"h"}, "y");
  EXPECT_EQ(axes_of(onnx), Axes{1});
  EXPECT_THAT(why_not_, HasSubstr("'h' (Conv) cannot be divided so: only by output channels or images"));
}

TEST_F(OnnxParts, GroupedConvolutionsAreDividedByWholeGroups) {
  for (const std::int64_t groups : {2, 16}) {
    TinyOnnx onnx;
    onnx.input("x", {1, 16, 8, 8}).weights("w", {32, 16 / groups, 3, 3}).output("y", {1, 32, 6, 6});
    onnx.op("Conv", {"x", "w"}, "y", {{"group", {groups}}});
    EXPECT_EQ(axes_of(onnx), Axes{1}) << groups;
  }
}

TEST_F(OnnxParts, MatrixProductsAreDividedByRowsColumnsAndMatrices) {
  TinyOnnx onnx;
  onnx.input("x", {4, 32, 16}).weights("w", {16, 8}).weights("b", {8}).output("y", {4, 32, 8});
  onnx.op("MatMul", "m", {"x", "w"}, "h").op("Add", "a", {"h", "b"}, "y");
  EXPECT_EQ(axes_of(onnx), (Axes{0, 1, 2}));
  for (const std::int64_t transposed : {0, 1}) {
    TinyOnnx gemm;
    gemm.input("x", {16, 32})
        .weights("w", transposed == 0 ? std::vector<std::int64_t>{32, 48} : std::vector<std::int64_t>{48, 32});
    gemm.weights("b", {48}).output("y", {16, 48});
    gemm.op("Gemm", {"x", "w", "b"}, "y", {{"transB", {transposed}}});
    EXPECT_EQ(axes_of(gemm), (Axes{0, 1}));
  }
}

TEST_F(OnnxParts, WhatWorksAlongRowsIsDividedByRows) {
  TinyOnnx onnx;
  onnx.input("x", {2, 16, 32}).output("y", {2, 16, 32});
  onnx.op("Softmax", {"x"}, "y", {{"axis", {-1}}});
  EXPECT_EQ(axes_of(onnx), (Axes{0, 1}));
}

TEST_F(OnnxParts, WhatTwoReadersNeedDifferentlyIsReadWhole) {
  TinyOnnx onnx;  // x x': a row of the result needs a row of x, and all of x
  onnx.input("x", {16, 16}).output("y", {16, 16});
  onnx.op("Transpose", {"x"}, "t", {{"perm", {1, 0}}}).op("MatMul", "m", {"x", "t"}, "y");
  EXPECT_EQ(axes_of(onnx), (Axes{0, 1}));
}

TEST_F(OnnxParts, PoolingIsDividedByChannelsAndWhatHasNoRuleNotAtAll) {
  TinyOnnx onnx;
  onnx.input("x", {1, 16, 8, 8}).output("y", {1, 16, 1, 1}).op("GlobalAveragePool", "pool", {"x"}, "y");
  EXPECT_EQ(axes_of(onnx), Axes{1});
  TinyOnnx other;
  other.input("x", {16, 16}).output("y", {16, 16}).op("Hardmax", "max", {"x"}, "y");
  EXPECT_EQ(axes_of(other), Axes{});
  EXPECT_THAT(why_not_, HasSubstr("'max' (Hardmax) cannot be divided so: no rule for it"));
}

// --- with a device

// x[1,64] by four layers, h1 to h4, of 64 outputs.
TinyOnnx four_layers() {
  TinyOnnx onnx;
  onnx.input("x", {1, 64}).output("h4", {1, 64});
  std::string from = "x";
  for (const std::string n : {"1", "2", "3", "4"}) {
    onnx.weights("w" + n, {64, 64})
        .op("MatMul", "m" + n, {from, "w" + n}, "p" + n)
        .op("Tanh", "t" + n, {"p" + n}, "h" + n);
    from = "h" + n;
  }
  return onnx;
}

class HybridDevice : public HybridOnnx {
 protected:
  void SetUp() override {
    runtime_ = make_runtime("auto").value();
    open(four_layers(), *runtime_);
  }
  std::vector<CompileOptions> cpu_and_device() const {
    return {by(Provider::kOpenVino), by(Provider::kWebGpu, "WEBGPU")};
  }
  // A part on the CPU, two on the device, and one that both divide.
  HybridOptions all_kinds() const {
    const auto at = [&](const char* name) { return std::vector{tensor(name)}; };
    return {cpu_and_device(),
            {{{0, model_->graph().inputs, at("h1")},
              {1, at("h1"), at("h2")},
              {1, at("h2"), at("h3")},
              {0, at("h3"), at("h4"), AxisRange{1, 0, 32}},
              {1, at("h3"), at("h4"), AxisRange{1, 32, 64}}}}};
  }

  SoftwareGpu gpu_;
  std::unique_ptr<Runtime> runtime_;
};

TEST_F(HybridDevice, PartsOnTheCpuOnTheDeviceAndOnBothAnswerAsOneDoes) {
  expect_as_whole(*runtime_, all_kinds(), 1e-4);
}

TEST_F(HybridDevice, WhatOnlyTheDeviceReadsStaysThere) {
  const auto program = compile_program(*runtime_, *model_, all_kinds(), file_);
  ASSERT_TRUE(program.ok()) << program.status().message();
  const auto& steps = (*program)->plans[0];
  EXPECT_TRUE(steps[1].inputs_copied[0]) << "h1 comes from the CPU";
  EXPECT_FALSE(steps[1].outputs_copied[0]) << "h2 stays";
  EXPECT_FALSE(steps[2].inputs_copied[0]);
  EXPECT_TRUE(steps[2].outputs_copied[0]) << "the CPU reads h3 too";
  EXPECT_FALSE(steps[4].inputs_copied[0]) << "the device has it";
  EXPECT_TRUE(steps[4].outputs_copied[0]) << "an answer";
}

// Costs measured on both kinds of member, kept, and what is placed by them answers as one does.
TEST_F(HybridDevice, OperatorsAreMeasuredOnBothAndPlaced) {
  profile::OperatorTiming timing;
  timing.rounds = 1;
  timing.model_file = file_;
  const auto measured = profile::measure_operators(*runtime_, *model_, cpu_and_device(), timing);
  ASSERT_TRUE(measured.ok()) << measured.status().message();
  const place::CostTable& table = measured->table;
  ASSERT_TRUE(place::check(table).ok());
  EXPECT_EQ(table.processors[1].kind, place::ProcessorKind::kGpu);
  EXPECT_NE(table.processors[1].memory_domain, table.processors[0].memory_domain);
  EXPECT_GT(table.handover.latency, 0);
  for (const place::OperatorGroup& group : table.groups) {
    for (const auto& seconds : group.seconds) EXPECT_GT(seconds[place::kQuarters], 0);
    EXPECT_LT(group.seconds[1][2], place::kCannot) << "the device runs a half of it";
  }
  for (const place::Placer& placer : place::placers()) {
    const auto placed = placer.place(table, {});
    if (!placed.ok()) continue;
    expect_as_whole(*runtime_,
                    {cpu_and_device(), {profile::hybrid_plan(model_->graph(), *measured, placed->placement)}}, 1e-4);
  }
}

TEST_F(HybridDevice, APlacementIsFoundWhereNoneIsGiven) {
  auto options = by(Provider::kHybrid);
  options.hybrid = std::make_shared<const HybridOptions>(HybridOptions{cpu_and_device(), {}});
  options.cache_dir = folder_.path() / "cache";
  EXPECT_EQ(runtime_->load(file_, by(Provider::kHybrid)).status().message(),
            "provider hybrid: no placement of the model's operators was given");
  for (int again = 0; again < 2; ++again) {
    const auto loaded = profile::load_placed(*runtime_, file_, options);
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    EXPECT_TRUE(run(**loaded).ok());
  }
  const std::filesystem::directory_iterator kept(options.cache_dir / "operators");
  EXPECT_EQ(std::distance(begin(kept), end(kept)), 1) << "what was measured";
}

TEST_F(HybridDevice, ADeviceThatIsNotHereIsNamed) {
  auto options = all_kinds();
  options.members[1] = by(Provider::kCuda, "CUDA");
  const Status status = compile_hybrid(*runtime_, *model_, options, file_).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("hybrid plan: step 1: "));
}

TEST_F(HybridDevice, AMemberThatNeedsOnnxIsRefusedOtherModels) {
  const Status status = compile_hybrid(*runtime_, *model_, all_kinds()).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(),
            "hybrid plan: step 1: a member's provider runs models in ONNX alone, and this model is none");
}

}  // namespace
}  // namespace sparseloom::backend
