// Cutting real models: the chain of the pieces computes what the whole model does.
#include "sparseloom/zoo/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/backend/openvino/openvino_runtime.h"
#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/cut_check.h"
#include "sparseloom/zoo/pieces.h"
#include "tests/errors/cli.h"
#include "tests/support/made_up_zoo.h"
#include "tests/support/tiny_ir.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::zoo {
namespace {

using backend::EdgeId;
using backend::Graph;
using backend::Model;
using sparseloom::testing::CliResult;
using sparseloom::testing::run_cli;
using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::tiny_layers;
using sparseloom::testing::tiny_resnet;
using sparseloom::testing::TinyIr;
using sparseloom::testing::TinyOnnx;

Chain chain_of(const backend::Executor& runtime, const std::vector<const Model*>& models) {
  std::vector<std::shared_ptr<backend::Executable>> stages;
  for (const Model* model : models) {
    auto executable = runtime.compile(*model, {});
    EXPECT_TRUE(executable.ok()) << executable.status().message();
    stages.push_back(std::move(executable).value());
  }
  auto chain = Chain::bind(std::move(stages));
  EXPECT_TRUE(chain.ok()) << chain.status().message();
  return std::move(chain).value();
}

class Cutting : public ::testing::Test {
 protected:
  std::unique_ptr<Model> read(const TinyIr& ir) {
    auto model = runtime_->read(ir.write(folder_.path() / "m.xml"));
    EXPECT_TRUE(model.ok()) << model.status().message();
    return std::move(model).value();
  }

  std::unique_ptr<Model> read_onnx(const TinyOnnx& onnx, const std::map<std::string, Shape>& shapes) {
    const auto path = folder_.path() / "m.onnx";
    EXPECT_TRUE(write_file(path, onnx.text()).ok());
    auto model = runtime_->read(path, shapes);
    EXPECT_TRUE(model.ok()) << model.status().message();
    return std::move(model).value();
  }

  ChainCheck cut_and_check(const Model& model, std::size_t parts) {
    auto cuts = choose_cuts(model.graph(), {parts, {}});
    EXPECT_TRUE(cuts.ok()) << cuts.status().message();
    auto pieces = cut_model(model, *cuts);
    EXPECT_TRUE(pieces.ok()) << pieces.status().message();
    EXPECT_EQ(pieces->size(), parts);
    std::vector<const Model*> views;
    for (const auto& piece : *pieces) views.push_back(piece.get());
    Chain whole = chain_of(*runtime_, {&model}), chain = chain_of(*runtime_, views);
    auto check = check_chain(model.graph(), whole, chain, 6);
    EXPECT_TRUE(check.ok()) << check.status().message();
    return *check;
  }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Runtime> runtime_ = backend::make_openvino_runtime();
};

class CutModel : public Cutting, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(CutModel, AResidualNetworkIsReproducedBitForBit) {
  const ChainCheck check = cut_and_check(*read(tiny_resnet(8)), GetParam());
  EXPECT_TRUE(check.difference.bit_identical);
  EXPECT_GT(check.sensitivity, 0.01);
}

TEST_P(CutModel, SeveralInputsOutputsAndLongSkipsAreReproduced) {
  TinyIr ir;
  const int x = ir.parameter("x", {1, 16}), late = ir.parameter("late", {1, 16});
  const int a = ir.dense_block("a", x, 16), b = ir.dense_block("b", a, 16), c = ir.dense_block("c", b, 16, a);
  const int d = ir.dense_block("d", c, 16, late), e = ir.dense_block("e", d, 16, a);
  ir.result(b);
  ir.result(e);
  EXPECT_TRUE(cut_and_check(*read(ir), GetParam()).difference.bit_identical);
}

INSTANTIATE_TEST_SUITE_P(Parts, CutModel, ::testing::Values(1, 2, 3, 4, 7),
                         [](const auto& parts) { return "S" + std::to_string(parts.param); });

// conv -> FakeQuantize -> conv ... on [1,8,6,6]: what a quantized model looks like to the cutter.
TinyIr quantized_convolutions(int blocks) {
  TinyIr ir;
  const TinyIr::Dims dims{1, 8, 6, 6};
  const float zero = 0, one = 1;
  const auto quantize = [&](const std::string& name, int x) {
    const int low = ir.constant(name + "/low", {1, 1, 1, 1}, &zero),
              high = ir.constant(name + "/high", {1, 1, 1, 1}, &one);
    return ir.add(name, "FakeQuantize", "opset1", R"(<data levels="256" auto_broadcast="numpy"/>)",
                  {x, low, high, low, high}, dims);
  };
  int x = quantize("x/fq", ir.parameter("x", dims));
  for (int k = 0; k < blocks; ++k) {
    const std::string name = fmt::format("conv{}", k);
    const int y =
        ir.add(name, "Convolution", "opset1",
               R"(<data strides="1, 1" dilations="1, 1" pads_begin="1, 1" pads_end="1, 1" auto_pad="explicit"/>)",
               {x, ir.constant(name + "/w", {8, 8, 3, 3})}, dims);
    const int sum = ir.add(name + "/add", "Add", "opset1", R"(<data auto_broadcast="numpy"/>)", {y, x}, dims);
    x = quantize(name + "/fq", ir.add(name + "/relu", "ReLU", "opset1", "", {sum}, dims));
  }
  ir.result(x);
  return ir;
}

TEST_F(Cutting, AQuantizedBoundaryIsQuantizedOnBothSides) {
  const auto model = read(quantized_convolutions(6));
  auto cuts = choose_cuts(model->graph(), {2, {}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  ASSERT_EQ((*cuts)[0].tensors.size(), 1U);
  const Graph& graph = model->graph();
  EXPECT_EQ(graph.node(graph.edge((*cuts)[0].tensors[0]).producer).op, "FakeQuantize");
  auto pieces = cut_model(*model, *cuts);
  ASSERT_TRUE(pieces.ok()) << pieces.status().message();
  const Graph& second = (*pieces)[1]->graph();
  const auto& consumers = second.edge(second.inputs[0]).consumers;
  ASSERT_EQ(consumers.size(), 1U);
  EXPECT_EQ(second.node(consumers[0]).op, "FakeQuantize");
  EXPECT_LE(cut_and_check(*model, 2).difference.max_rel, difference_bound(graph));
}

std::vector<std::string> names(const Graph& graph, const Cut& cut) {
  std::vector<std::string> found;
  for (const EdgeId edge : cut.tensors) found.push_back(graph.edge(edge).spec.name);
  return found;
}

TEST_F(Cutting, OnnxModelsAreCutAtTheirTensorsByTensorOrOperatorName) {
  const auto model = read_onnx(tiny_layers(3), {});
  const Graph& graph = model->graph();
  const auto by_tensor = cuts_by_name(graph, {{"t0"}, {"t1"}}),
             by_operator = cuts_by_name(graph, {{"tanh0"}, {"tanh1"}});
  ASSERT_TRUE(by_tensor.ok()) << by_tensor.status().message();
  ASSERT_TRUE(by_operator.ok()) << by_operator.status().message();
  for (const std::size_t i : {0U, 1U}) EXPECT_EQ((*by_tensor)[i].tensors, (*by_operator)[i].tensors);
}

// What no check of a chain can see: that the runtime computes the whole model otherwise than another one does.
TEST_F(Cutting, OnnxModelsAreComparedWithOnnxRuntime) {
  const TemporaryFolder folder;
  const std::string model = folder.path() / "m.onnx", json = folder.path() / "cut.json";
  ASSERT_TRUE(write_file(model, tiny_layers(4, "", -1).text()).ok());
  const CliResult cut = run_cli({"cut", model, "--parts", "2", "--shape", "x=1,8", "--json", json});
  ASSERT_EQ(cut.status, 0) << cut.err;
  EXPECT_THAT(cut.out, ::testing::HasSubstr("the whole model by OpenVINO and by ONNX Runtime: max_rel_diff"));
  EXPECT_LT(read_json(json).value()["runtimes_max_rel_diff"].get<double>(), 1e-5);
}

// Another export of the same network: the operators have other names, the tensors the same.
TEST_F(Cutting, OnnxVariantsCorrespondByTensorName) {
  const auto model = read_onnx(tiny_layers(3), {}), other = read_onnx(tiny_layers(3, "other_"), {});
  const auto mapped = map_cuts(model->graph(), cuts_by_name(model->graph(), {{"t1"}}).value(), other->graph());
  ASSERT_TRUE(mapped.ok()) << mapped.status().message();
  EXPECT_THAT(names(other->graph(), (*mapped)[0]), ::testing::ElementsAre("other_tanh1"));
}

TEST_F(Cutting, ModelsWithAnIfOverAShapeAreCut) {
  TinyOnnx onnx;
  onnx.input("x", {-1, 8}).weights("w", {8, 8}).integer("first", 0).integer("two", 2);
  onnx.op("Shape", "shape", {"x"}, "extents").op("Gather", "gather", {"extents", "first"}, "batch");
  onnx.op("Equal", "equal", {"batch", "two"}, "big");
  onnx.relu_if("big", "x", "h", {-1, 8}).op("MatMul", "product", {"h", "w"}, "y").output("y", {-1, 8});
  const auto model = read_onnx(onnx, {{"x", {2, 8}}});
  EXPECT_EQ(cut_and_check(*model, 2).difference.max_abs, 0);
}

TEST_F(Cutting, ShapesOfDynamicOnnxInputsAreThoseAskedFor) {
  const auto model = read_onnx(tiny_layers(3, "", -1), {{"x", {4, 8}}});
  EXPECT_EQ(model->graph().edge(model->graph().outputs[0]).spec.shape, (Shape{4, 8}));
  EXPECT_TRUE(cut_and_check(*model, 3).difference.bit_identical);
}

TEST_F(Cutting, OutputsThatAreNotFiniteAreCounted) {
  TinyOnnx onnx;
  onnx.input("x", {1, 8}).op("Abs", "abs", {"x"}, "a").op("Neg", "neg", {"a"}, "n").op("Sqrt", "root", {"n"}, "y");
  EXPECT_EQ(cut_and_check(*read_onnx(onnx.output("y", {1, 8}), {}), 2).not_finite, 6U);
  EXPECT_EQ(cut_and_check(*read_onnx(tiny_layers(3), {}), 2).not_finite, 0U);
}

TEST_F(Cutting, AModelThatDrawsRandomNumbersMayStayWhole) {
  TinyOnnx onnx = tiny_layers(2);
  onnx.op("RandomNormalLike", "dice", {"y"}, "noise").op("Add", "noisy", {"y", "noise"}, "z").output("z", {1, 8});
  const auto model = read_onnx(onnx, {});
  EXPECT_TRUE(cut_model(*model, std::vector<Cut>()).ok());
  const auto cuts = cuts_by_name(model->graph(), {{"t0"}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  EXPECT_EQ(cut_model(*model, *cuts).status().code(), Code::kFailedPrecondition);
}

TEST_F(Cutting, SavedPiecesAreTheSameModel) {
  const auto model = read(tiny_resnet(6));
  auto cuts = choose_cuts(model->graph(), {3, {}});
  auto pieces = cut_model(*model, *cuts);
  ASSERT_TRUE(pieces.ok());
  ASSERT_TRUE(save_pieces(*runtime_, *pieces, folder_.path() / "pieces").ok());
  std::vector<std::unique_ptr<Model>> read_back;
  std::vector<const Model*> views;
  for (int i = 0; i < 3; ++i) {
    auto piece = runtime_->read(folder_.path() / "pieces" / fmt::format("part{}.xml", i));
    ASSERT_TRUE(piece.ok()) << piece.status().message();
    read_back.push_back(std::move(piece).value());
    views.push_back(read_back.back().get());
  }
  Chain whole = chain_of(*runtime_, {model.get()}), chain = chain_of(*runtime_, views);
  auto check = check_chain(model->graph(), whole, chain, 3);
  ASSERT_TRUE(check.ok());
  EXPECT_TRUE(check->difference.bit_identical);
}

TEST_F(Cutting, TheCheckSeesAWrongPiece) {
  const auto model = read(tiny_resnet(2));
  TinyIr other = tiny_resnet(1);
  const auto wrong = runtime_->read(other.write(folder_.path() / "other.xml"));
  ASSERT_TRUE(wrong.ok());
  Chain whole = chain_of(*runtime_, {model.get()}), chain = chain_of(*runtime_, {wrong->get()});
  auto check = check_chain(model->graph(), whole, chain, 3);
  ASSERT_TRUE(check.ok());
  EXPECT_GT(check->difference.max_rel, difference_bound(model->graph()));
}

// Hundreds of branches that meet in one operator: cut and compiled in the time of any other model of its size.
TEST_F(Cutting, ModelsOfManyBranchesAreCut) {
  constexpr int kBranches = 400;
  TinyOnnx onnx;
  onnx.input("x", {1, 8}).op("Relu", "stem", {"x"}, "h");
  std::vector<std::string> branches;
  for (int i = 0; i < kBranches; ++i) {
    const std::string name = fmt::format("b{}", i);
    onnx.op("Sigmoid", name + "_s", {"h"}, name + "_t").op("Tanh", name, {name + "_t"}, name);
    branches.push_back(name);
  }
  onnx.op("Sum", "join", branches, "j").op("Relu", "head", {"j"}, "y").output("y", {1, 8});
  const auto model = read_onnx(onnx, {});
  const auto cuts = cuts_by_name(model->graph(), {{"h"}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  const auto pieces = cut_model(*model, *cuts).value();
  Chain whole = chain_of(*runtime_, {model.get()}), chain = chain_of(*runtime_, {pieces[0].get(), pieces[1].get()});
  EXPECT_LE(check_chain(model->graph(), whole, chain, 1)->difference.max_rel, difference_bound(model->graph()));
}

}  // namespace
}  // namespace sparseloom::zoo
