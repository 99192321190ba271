// One model by several members: parts of models, plans of pieces, and what executing them gives.
#include "sparseloom/backend/hybrid/hybrid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <thread>

#include "sparseloom/backend/openvino/openvino_runtime.h"
#include "sparseloom/place/placers.h"
#include "sparseloom/profile/measure/hybrid.h"
#include "sparseloom/profile/measure/operators.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/cut_check.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_ir.h"

namespace sparseloom::backend {
namespace {

using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::tiny_resnet;
using sparseloom::testing::TinyIr;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr auto kNumpy = R"(<data auto_broadcast="numpy"/>)";

// Convolutions of x[1,8,8,8], grouped and depthwise ones among them, with what usually stands between.
TinyIr convolutions() {
  constexpr auto kSame = R"(<data strides="1, 1" pads_begin="1, 1" pads_end="1, 1" dilations="1, 1"/>)";
  TinyIr ir;
  const int x = ir.parameter("x", {1, 8, 8, 8});
  int y = ir.add("conv", "Convolution", "opset1", kSame, {x, ir.constant("w", {32, 8, 3, 3})}, {1, 32, 8, 8});
  const int biased = ir.add("bias", "Add", "opset1", kNumpy, {y, ir.constant("b", {1, 32, 1, 1})}, {1, 32, 8, 8});
  y = ir.add("prelu", "PReLU", "opset1", "", {biased, ir.constant("slopes", {32})}, {1, 32, 8, 8});
  y = ir.add("depthwise", "GroupConvolution", "opset1", kSame, {y, ir.constant("dw", {32, 1, 1, 3, 3})}, {1, 32, 8, 8});
  y = ir.add("grouped", "GroupConvolution", "opset1", kSame, {y, ir.constant("gw", {4, 16, 8, 3, 3})}, {1, 64, 8, 8});
  const int both = ir.add("concat", "Concat", "opset1", R"(<data axis="1"/>)", {y, biased}, {1, 96, 8, 8});
  y = ir.add("pool", "MaxPool", "opset1",
             R"(<data strides="2, 2" kernel="2, 2" pads_begin="0, 0" pads_end="0, 0" rounding_type="floor"/>)", {both},
             {1, 96, 4, 4});
  y = ir.add("narrow", "Convolution", "opset1",
             R"(<data strides="1, 1" pads_begin="0, 0" pads_end="0, 0" dilations="1, 1"/>)",
             {y, ir.constant("nw", {16, 96, 1, 1})}, {1, 16, 4, 4});
  y = ir.add("mean", "AvgPool", "opset1",
             R"(<data strides="4, 4" kernel="4, 4" pads_begin="0, 0" pads_end="0, 0" exclude-pad="true"/>)", {y},
             {1, 16, 1, 1});
  y = ir.add("flat", "Reshape", "opset1", R"(<data special_zero="true"/>)", {y, ir.integers("shape", {0, -1})},
             {1, 16});
  y = ir.add("logits", "MatMul", "opset1", R"(<data transpose_a="false" transpose_b="true"/>)",
             {y, ir.constant("fw", {10, 16})}, {1, 10});
  ir.result(y);
  return ir;
}

// One head-by-head attention over x[1,16,64] with its norm and residual sums.
TinyIr attention() {
  constexpr auto kPlain = R"(<data transpose_a="false" transpose_b="false"/>)";
  TinyIr ir;
  const int x = ir.parameter("x", {1, 16, 64});
  const int norm =
      ir.add("norm", "MVN", "opset6", R"(<data eps="1e-5" normalize_variance="true" eps_mode="inside_sqrt"/>)",
             {x, ir.integers("axes", {2})}, {1, 16, 64});
  const auto heads = [&](const std::string& name) {
    int y =
        ir.add(name + "/product", "MatMul", "opset1", kPlain, {norm, ir.constant(name + "/w", {64, 64})}, {1, 16, 64});
    y = ir.add(name + "/bias", "Add", "opset1", kNumpy, {y, ir.constant(name + "/b", {64})}, {1, 16, 64});
    y = ir.add(name + "/split", "Reshape", "opset1", R"(<data special_zero="false"/>)",
               {y, ir.integers(name + "/shape", {1, 16, 4, 16})}, {1, 16, 4, 16});
    return ir.add(name, "Transpose", "opset1", "", {y, ir.integers(name + "/order", {0, 2, 1, 3})}, {1, 4, 16, 16});
  };
  const int q = heads("q"), k = heads("k"), v = heads("v");
  int y =
      ir.add("scores", "MatMul", "opset1", R"(<data transpose_a="false" transpose_b="true"/>)", {q, k}, {1, 4, 16, 16});
  y = ir.add("scaled", "Multiply", "opset1", kNumpy, {y, ir.constant("scale", {1, 1, 1, 1})}, {1, 4, 16, 16});
  y = ir.add("softmax", "SoftMax", "opset8", R"(<data axis="-1"/>)", {y}, {1, 4, 16, 16});
  y = ir.add("context", "MatMul", "opset1", kPlain, {y, v}, {1, 4, 16, 16});
  y = ir.add("back", "Transpose", "opset1", "", {y, ir.integers("order", {0, 2, 1, 3})}, {1, 16, 4, 16});
  y = ir.add("merged", "Reshape", "opset1", R"(<data special_zero="false"/>)", {y, ir.integers("shape", {1, 16, 64})},
             {1, 16, 64});
  y = ir.add("projected", "MatMul", "opset1", kPlain, {y, ir.constant("pw", {64, 64})}, {1, 16, 64});
  y = ir.add("sum", "Add", "opset1", kNumpy, {y, x}, {1, 16, 64});
  y = ir.add("wide", "MatMul", "opset1", kPlain, {y, ir.constant("ww", {64, 128})}, {1, 16, 128});
  y = ir.add("relu", "ReLU", "opset1", "", {y}, {1, 16, 128});
  y = ir.add("out", "MatMul", "opset1", kPlain, {y, ir.constant("ow", {128, 64})}, {1, 16, 64});
  ir.result(y);
  return ir;
}

// The bytes of a range of a tensor.
std::vector<std::byte> cut_out(const TensorSpec& spec, std::span<const std::byte> all, const AxisRange& range) {
  std::size_t outer = 1, inner = 4;
  for (std::size_t a = 0; a < range.axis; ++a) outer *= static_cast<std::size_t>(spec.shape[a]);
  for (std::size_t a = range.axis + 1; a < spec.shape.size(); ++a) inner *= static_cast<std::size_t>(spec.shape[a]);
  const auto extent = static_cast<std::size_t>(spec.shape[range.axis]);
  std::vector<std::byte> bytes;
  for (std::size_t o = 0; o < outer; ++o) {
    const auto from = all.subspan((o * extent + static_cast<std::size_t>(range.begin)) * inner,
                                  static_cast<std::size_t>(range.end - range.begin) * inner);
    bytes.insert(bytes.end(), from.begin(), from.end());
  }
  return bytes;
}

class Hybrid : public ::testing::Test {
 protected:
  std::unique_ptr<Model> read(const TinyIr& ir) {
    auto model = runtime_->read(ir.write(folder_.path() / "m.xml"));
    EXPECT_TRUE(model.ok()) << model.status().message();
    return std::move(model).value();
  }
  static EdgeId tensor(const Model& model, const std::string& name) {
    for (std::size_t e = 0; e < model.graph().edges.size(); ++e)
      if (model.graph().edges[e].spec.name == name) return EdgeId(e);
    ADD_FAILURE() << "no tensor " << name;
    return EdgeId(0);
  }
  std::unique_ptr<Executable> compile(const Model& model) {
    auto executable = runtime_->compile(model, {});
    EXPECT_TRUE(executable.ok()) << executable.status().message();
    return std::move(executable).value();
  }
  // The first output for these inputs.
  static std::vector<std::byte> run(Executable& executable, const std::vector<std::vector<std::byte>>& inputs) {
    zoo::Boundaries boundaries(1);
    auto session = boundaries.bind(executable, 0);
    EXPECT_TRUE(session.ok()) << session.status().message();
    for (std::size_t k = 0; k < inputs.size(); ++k)
      std::memcpy(boundaries.at(0)[k].data(), inputs[k].data(), inputs[k].size());
    const Status ran = (*session)->run();
    EXPECT_TRUE(ran.ok()) << ran.message();
    const auto output = boundaries.at(1)[0].span();
    return {output.begin(), output.end()};
  }
  static std::vector<std::vector<std::byte>> made_up(const Model& model) {
    std::vector<std::vector<std::byte>> inputs;
    for (const HostBuffer& buffer : zoo::seeded_inputs(model.graph(), 0))
      inputs.emplace_back(buffer.span().begin(), buffer.span().end());
    return inputs;
  }

  // Divides the piece that computes `name` along every axis, and returns the axes along which it can be.
  std::vector<std::size_t> divisible_axes(const Model& model, const std::string& name) {
    const auto piece = model.extract(model.graph().inputs, {tensor(model, name)}).value();
    const TensorSpec& spec = piece->graph().edge(piece->graph().outputs[0]).spec;
    const auto inputs = made_up(*piece);
    const std::vector<std::byte> whole = run(*compile(*piece), inputs);
    std::vector<std::size_t> axes;
    for (std::size_t axis = 0; axis < spec.shape.size(); ++axis) {
      const std::int64_t extent = spec.shape[axis], half = extent / 2;
      if (extent == 1) continue;
      std::size_t parts = 0;
      for (const AxisRange& range : {AxisRange{axis, 0, half}, AxisRange{axis, half, extent}, AxisRange{axis, 1, 2}}) {
        const auto part = piece->narrow(range);
        if (!part.ok()) {
          EXPECT_EQ(part.status().code(), Code::kFailedPrecondition);
          EXPECT_THAT(part.status().message(), HasSubstr("cannot be divided along axis"));
          continue;
        }
        std::vector<std::vector<std::byte>> read;
        for (const NarrowedInput& input : part->inputs) {
          const TensorSpec& from = piece->graph().edge(piece->graph().inputs[input.index]).spec;
          read.push_back(input.range ? cut_out(from, inputs[input.index], *input.range) : inputs[input.index]);
        }
        const auto found = run(*compile(*part->model), read);
        const auto expected = cut_out(spec, whole, range);
        EXPECT_EQ(found.size(), expected.size());
        EXPECT_LE(
            zoo::compare(part->model->graph().edge(part->model->graph().outputs[0]).spec, expected, found).max_rel,
            1e-5)
            << name << " along axis " << axis << ", " << range.begin << ".." << range.end;
        ++parts;
      }
      if (parts > 0) axes.push_back(axis);
    }
    return axes;
  }

  TemporaryFolder folder_;
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
};

using Axes = std::vector<std::size_t>;

TEST_F(Hybrid, PartsOfConvolutionsAreThoseOfTheWhole) {
  const auto model = read(convolutions());
  EXPECT_EQ(divisible_axes(*model, "conv"), Axes{1}) << "by output channels";
  EXPECT_EQ(divisible_axes(*model, "bias"), Axes{1});
  EXPECT_EQ(divisible_axes(*model, "prelu"), Axes{1});
  EXPECT_EQ(divisible_axes(*model, "depthwise"), Axes{1});
  EXPECT_EQ(divisible_axes(*model, "grouped"), Axes{1}) << "by whole groups: halves, not one channel of 64";
  EXPECT_EQ(divisible_axes(*model, "concat"), Axes{})
      << "along its own axis it is not; along rows convolutions are not";
  EXPECT_EQ(divisible_axes(*model, "narrow"), Axes{1});
  EXPECT_EQ(divisible_axes(*model, "mean"), Axes{1});
  EXPECT_EQ(divisible_axes(*model, "flat"), Axes{1});
  EXPECT_EQ(divisible_axes(*model, "logits"), Axes{1});
}

TEST_F(Hybrid, PartsOfAttentionAreThoseOfTheWhole) {
  const auto model = read(attention());
  EXPECT_EQ(divisible_axes(*model, "norm"), Axes{1}) << "by positions";
  EXPECT_EQ(divisible_axes(*model, "q/bias"), (Axes{1, 2})) << "by positions or outputs";
  EXPECT_EQ(divisible_axes(*model, "q"), (Axes{1, 2}))
      << "by heads or positions; numbers of each head lie apart in a row";
  EXPECT_EQ(divisible_axes(*model, "scores"), (Axes{1, 2, 3}));
  EXPECT_EQ(divisible_axes(*model, "softmax"), (Axes{1, 2})) << "by heads or queries";
  EXPECT_EQ(divisible_axes(*model, "context"), (Axes{1, 2}));
  EXPECT_EQ(divisible_axes(*model, "merged"), (Axes{1, 2})) << "by positions or whole heads";
  EXPECT_EQ(divisible_axes(*model, "sum"), (Axes{1, 2}));
  EXPECT_EQ(divisible_axes(*model, "out"), (Axes{1, 2}));
}

TEST_F(Hybrid, SlopesAreDividedAlongTheAxisThatTheyAreOf) {
  TinyIr ir;
  const int x = ir.parameter("x", {1, 32, 16});
  const int last = ir.add("last", "PReLU", "opset1", "", {x, ir.constant("slopes", {16})}, {1, 32, 16});
  const int channel = ir.add("channel", "PReLU", "opset1", "", {x, ir.constant("by_channel", {32})}, {1, 32, 16});
  ir.result(ir.add("all", "Add", "opset1", kNumpy, {last, channel}, {1, 32, 16}));
  const auto model = read(ir);
  EXPECT_EQ(divisible_axes(*model, "last"), Axes{}) << "slopes along the last axis are not divided";
  EXPECT_EQ(divisible_axes(*model, "channel"), Axes{1});
  EXPECT_EQ(divisible_axes(*model, "all"), Axes{});
}

TEST_F(Hybrid, CausalAttentionIsDividedByHeadsAlone) {
  for (const bool causal : {false, true}) {
    TinyIr ir;
    const int q = ir.parameter("q", {1, 4, 8, 16}), k = ir.parameter("k", {1, 4, 8, 16}),
              v = ir.parameter("v", {1, 4, 8, 16});
    ir.result(ir.add("attention", "ScaledDotProductAttention", "opset13",
                     fmt::format(R"(<data causal="{}"/>)", causal ? "true" : "false"), {q, k, v}, {1, 4, 8, 16}));
    const auto model = read(ir);
    EXPECT_EQ(divisible_axes(*model, "attention"), causal ? Axes{1} : (Axes{1, 2}));
  }
}

TEST_F(Hybrid, APartReadsNoMoreThanItNeedsWhereThatLiesInOnePiece) {
  const auto model = read(attention());
  const EdgeId sum = tensor(*model, "sum");
  const auto piece = model->extract({sum}, {tensor(*model, "out")}).value();
  const auto rows = piece->narrow({1, 4, 8}).value();
  ASSERT_THAT(rows.inputs, SizeIs(1));
  EXPECT_EQ(rows.inputs[0].range, (AxisRange{1, 4, 8}));
  const auto columns = piece->narrow({2, 0, 32}).value();
  ASSERT_THAT(columns.inputs, SizeIs(1));
  EXPECT_EQ(columns.inputs[0].range, std::nullopt);
  const auto heads = model->extract({tensor(*model, "context")}, {tensor(*model, "merged")}).value();
  EXPECT_EQ(heads->narrow({1, 4, 8}).value().inputs[0].range, std::nullopt)
      << "positions of heads lie apart: read whole, cut out inside";
}

TEST_F(Hybrid, WhatIsNoRangeIsRefused) {
  const auto model = read(attention());
  for (const AxisRange& range : {AxisRange{3, 0, 1}, AxisRange{1, 0, 17}, AxisRange{1, 4, 4}, AxisRange{1, -1, 4}}) {
    EXPECT_EQ(model->narrow(range).status().code(), Code::kInvalidArgument);
  }
  const auto two = model->extract(model->graph().inputs, {tensor(*model, "q"), tensor(*model, "k")}).value();
  EXPECT_THAT(two->narrow({1, 0, 2}).status().message(), HasSubstr("has 2 outputs; 1 is allowed"));
}

// What lies at bytes that no session can bind is read with all around it.
TEST_F(Hybrid, APartThatBeginsBetweenAlignedBytesReadsAll) {
  TinyIr ir;
  const int x = ir.parameter("x", {1, 24, 15, 15});
  ir.result(ir.add("y", "GroupConvolution", "opset1",
                   R"(<data strides="2, 2" pads_begin="1, 1" pads_end="1, 1" dilations="1, 1"/>)",
                   {x, ir.constant("w", {24, 1, 1, 3, 3})}, {1, 24, 8, 8}));
  const auto model = read(ir);
  EXPECT_EQ(model->narrow({1, 0, 12}).value().inputs[0].range, (AxisRange{1, 0, 12}));
  EXPECT_EQ(model->narrow({1, 12, 24}).value().inputs[0].range, std::nullopt) << "10,800 bytes are no multiple of 64";
  EXPECT_EQ(divisible_axes(*model, "y"), Axes{1});
}

// --- executing

std::vector<CompileOptions> members(std::size_t count) { return std::vector<CompileOptions>(count); }

TEST_F(Hybrid, MembersComputeWhatOneDoes) {
  const auto model = read(attention());
  const auto at = [&](const char* name) { return tensor(*model, name); };
  const EdgeId x = model->graph().inputs[0];
  HybridPlan plan;
  for (const std::size_t m : {0U, 1U}) {
    const auto heads = static_cast<std::int64_t>(2 * m);
    plan.push_back({m, {x}, {at("context")}, AxisRange{1, heads, heads + 2}});
  }
  for (const std::size_t m : {0U, 1U}) {
    const auto rows = static_cast<std::int64_t>(8 * m);
    plan.push_back({m, {at("context"), x}, {at("out")}, AxisRange{1, rows, rows + 8}});
  }
  const auto hybrid = compile_hybrid(*runtime_, *model, {members(2), {plan}});
  ASSERT_TRUE(hybrid.ok()) << hybrid.status().message();
  const auto inputs = made_up(*model);
  const auto expected = run(*compile(*model), inputs);
  const TensorSpec& spec = (*hybrid)->outputs()[0];
  for (int again = 0; again < 50; ++again) EXPECT_LE(zoo::compare(spec, expected, run(**hybrid, inputs)).max_rel, 1e-5);
}

TEST_F(Hybrid, SessionsOfOneExecutableTakeTurns) {
  const auto model = read(tiny_resnet(2, 64));
  HybridPlan plan;
  const EdgeId x = model->graph().inputs[0], half = tensor(*model, "block0"), y = model->graph().outputs[0];
  plan.push_back({0, {x}, {half}, AxisRange{1, 0, 32}});
  plan.push_back({1, {x}, {half}, AxisRange{1, 32, 64}});
  plan.push_back({1, {half}, {y}, {}});
  const auto hybrid = compile_hybrid(*runtime_, *model, {members(2), {plan}}).value();
  const auto expected = run(*compile(*model), made_up(*model));
  std::vector<std::thread> threads;
  std::vector<double> differences(3);
  for (double& difference : differences) {
    threads.emplace_back([&] {
      for (int again = 0; again < 20; ++again) {
        const auto found = run(*hybrid, made_up(*model));
        difference = std::max(difference, zoo::compare(hybrid->outputs()[0], expected, found).max_rel);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(differences, Each(::testing::Le(1e-5)));
}

TEST_F(Hybrid, PlansThatDoNotComputeTheModelAreRefused) {
  const auto model = read(tiny_resnet(2, 64));
  const EdgeId x = model->graph().inputs[0], half = tensor(*model, "block0"), y = model->graph().outputs[0];
  const auto refused = [&](const HybridPlan& plan, const std::string& message) {
    const Status status = compile_hybrid(*runtime_, *model, {members(2), {plan}}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(message));
  };
  refused({}, "the output 'block1' is not written completely");
  refused({{2, {x}, {y}}}, "step 0: member 2; there are 2");
  refused({{0, {half}, {y}}}, "step 0: reads 'block0' before all of it is written");
  refused({{0, {x}, {half}, AxisRange{1, 0, 32}}, {0, {half}, {y}}}, "step 1: reads 'block0' before all");
  refused({{0, {x}, {y}}, {1, {x}, {y}, AxisRange{1, 0, 32}}}, "step 1: writes what was written before of 'block1'");
  refused({{0, {x}, {y}, AxisRange{1, 0, 8}}, {1, {x}, {y}, AxisRange{1, 8, 64}}},
          "step 1: writes 8..64 of axis 1 of 'block1 f32[1,64]', which does not lie in one piece at a multiple of 64 "
          "bytes");
  refused({{0, {x}, {half, y}, AxisRange{1, 0, 32}}}, "2 outputs; one, or without a range several");
  refused({{0, {x}, {}}}, "0 outputs");
}

TEST_F(Hybrid, ATensorThatIsReturnedTwiceIsRefused) {
  TinyIr ir;
  const int y = ir.add("y", "ReLU", "opset1", "", {ir.parameter("x", {1, 64})}, {1, 64});
  ir.result(y);
  ir.result(y);
  const auto model = read(ir);
  const Status status =
      compile_hybrid(*runtime_, *model, {members(2), {{{0, {model->graph().inputs[0]}, {tensor(*model, "y")}}}}})
          .status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("the model returns 'y' twice"));
}

// Two branches of one input that a third operator joins, on members 0, 1 and 1.
TEST_F(Hybrid, WhatAnotherMemberComputesIsWaitedForNoSoonerThanItIsRead) {
  TinyIr ir;
  const int x = ir.parameter("x", {1, 64});
  const int a = ir.dense_block("a", x, 64), b = ir.dense_block("b", x, 64);
  const int both = ir.add("both", "Concat", "opset1", R"(<data axis="1"/>)", {a, b}, {1, 128});
  ir.result(ir.add("y", "MatMul", "opset1", R"(<data transpose_a="false" transpose_b="false"/>)",
                   {both, ir.constant("w", {128, 64})}, {1, 64}));
  const auto model = read(ir);
  profile::OperatorTiming timing;
  timing.rounds = 1;
  const auto operators = profile::measure_operators(*runtime_, *model, members(2), timing).value();
  place::Placement placement;
  for (const place::OperatorGroup& group : operators.table.groups)
    placement.push_back(group.name.starts_with("a/") ? place::Share{4, 0} : place::Share{0, 4});
  const HybridPlan plan = profile::hybrid_plan(model->graph(), operators, placement);
  ASSERT_THAT(plan, SizeIs(3)) << "b does not wait for a";
  const EdgeId input = model->graph().inputs[0];
  EXPECT_THAT(plan[0].inputs, ::testing::ElementsAre(input));
  EXPECT_THAT(plan[1].inputs, ::testing::ElementsAre(input));
  EXPECT_THAT(plan[2].inputs, SizeIs(2));
  EXPECT_TRUE(compile_hybrid(*runtime_, *model, {members(2), {plan}}).ok());
}

// Every model by its exact placement on two members, with times as measured and with times that make dividing pay.
TEST_F(Hybrid, PlacementsAreExecutedAsTheyAre) {
  for (const TinyIr& ir : {convolutions(), attention(), tiny_resnet(3, 64)}) {
    const auto model = read(ir);
    profile::OperatorTiming timing;
    timing.rounds = 1;
    auto operators = profile::measure_operators(*runtime_, *model, members(2), timing);
    ASSERT_TRUE(operators.ok()) << operators.status().message();
    const auto expected = run(*compile(*model), made_up(*model));
    for (const bool dividing_pays : {false, true}) {
      for (place::OperatorGroup& group : operators->table.groups) {
        for (auto& seconds : group.seconds) {
          for (std::size_t q = 1; q <= place::kQuarters && dividing_pays; ++q) {
            if (seconds[q] != place::kCannot) seconds[q] = 0.001 * static_cast<double>(q);
          }
        }
      }
      const auto placed = place::place_exactly(operators->table, {});
      ASSERT_TRUE(placed.ok()) << placed.status().message();
      const HybridPlan plan = profile::hybrid_plan(model->graph(), *operators, placed->placement);
      const auto in_parts =
          std::count_if(plan.begin(), plan.end(), [](const auto& step) { return step.range.has_value(); });
      EXPECT_TRUE(in_parts > 0 || !dividing_pays);
      const auto hybrid = compile_hybrid(*runtime_, *model, {members(2), {plan}});
      ASSERT_TRUE(hybrid.ok()) << hybrid.status().message();
      EXPECT_LE(zoo::compare((*hybrid)->outputs()[0], expected, run(**hybrid, made_up(*model))).max_rel, 1e-5);
    }
  }
}

// Where one member is slow for a while, the other one gets more to do, and the answers stay.
TEST_F(Hybrid, ThePlacementFollowsMembersThatSlowDown) {
  const auto model = read(tiny_resnet(3, 64));
  profile::OperatorTiming timing;
  timing.rounds = 1;
  auto operators = profile::measure_operators(*runtime_, *model, members(2), timing).value();
  for (place::OperatorGroup& group : operators.table.groups) {
    for (auto& seconds : group.seconds) {
      for (std::size_t q = 1; q <= place::kQuarters; ++q)
        if (seconds[q] != place::kCannot) seconds[q] = 0.001 * static_cast<double>(q);
    }
  }
  const auto placement = profile::place_on_members(model->graph(), operators, members(2));
  ASSERT_TRUE(placement.ok()) << placement.status().message();
  ASSERT_GT(placement->options.plans.size(), 1U) << "placed ahead for slow members";
  const auto busy = [&](double slow_down) {
    place::Busy usual = place::busy_of(operators.table, placement->controller->placements()[0]);
    usual.processors[1] *= slow_down;
    return HybridRun{.plan = 0, .members = usual.processors};
  };
  EXPECT_EQ(placement->options.next(busy(1)), 0U);
  std::size_t plan = 0;
  int runs = 0;
  for (; plan == 0 && runs < 10; ++runs) plan = placement->options.next(busy(3));
  EXPECT_NE(plan, 0U) << "after ten runs";

  const auto hybrid = compile_hybrid(*runtime_, *model, placement->options).value();
  const auto expected = run(*compile(*model), made_up(*model));
  for (int again = 0; again < 20; ++again)
    EXPECT_LE(zoo::compare(hybrid->outputs()[0], expected, run(*hybrid, made_up(*model))).max_rel, 1e-5);
}

}  // namespace
}  // namespace sparseloom::backend
