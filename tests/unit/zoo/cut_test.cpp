#include "sparseloom/zoo/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/zoo/cut_check.h"
#include "sparseloom/zoo/pieces.h"
#include "tests/support/made_up_zoo.h"

namespace sparseloom::zoo {
namespace {

using backend::EdgeId;
using backend::Graph;
using backend::NodeId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Writes graphs in a line per operator: g.op("relu1", "Relu", {"conv1"}).
class GraphMaker {
 public:
  GraphMaker& op(const std::string& name, const std::string& type, const std::vector<std::string>& inputs,
                 double macs = 0, Shape shape = {1, 64}, ElementType element = ElementType::kF32) {
    const NodeId id(graph_.nodes.size());
    const EdgeId out(graph_.edges.size());
    backend::Node node{.name = name,
                       .op = type,
                       .inputs = {},
                       .outputs = {out},
                       .macs = macs,
                       .constant = type == "Constant",
                       .weights = {}};
    for (const std::string& input : inputs) {
      node.inputs.push_back(edges_.at(input));
      graph_.edges[node.inputs.back().index()].consumers.push_back(id);
    }
    graph_.nodes.push_back(node);
    graph_.edges.push_back({{name, element, std::move(shape)}, id, {}});
    edges_[name] = out;
    if (type == "Parameter") graph_.inputs.push_back(out);
    return *this;
  }
  /// MatMul + residual Add + ReLU, three operators.
  GraphMaker& block(const std::string& name, const std::string& x, double macs = 1e9) {
    return op(name + "/matmul", "MatMul", {x}, macs)
        .op(name + "/add", "Add", {name + "/matmul", x})
        .op(name, "Relu", {name + "/add"});
  }
  GraphMaker& output(const std::string& name) {
    graph_.outputs.push_back(edges_.at(name));
    return *this;
  }
  const Graph& graph() const { return graph_; }
  EdgeId edge(const std::string& name) const { return edges_.at(name); }

 private:
  Graph graph_;
  std::map<std::string, EdgeId> edges_;
};

std::vector<std::string> names(const Graph& graph, const Cut& cut) {
  std::vector<std::string> found;
  for (const EdgeId edge : cut.tensors) found.push_back(graph.edge(edge).spec.name);
  return found;
}

GraphMaker six_blocks() {
  GraphMaker g;
  g.op("x", "Parameter", {});
  std::string last = "x";
  for (const char* name : {"b0", "b1", "b2", "b3", "b4", "b5"}) {
    g.block(name, last);
    last = name;
  }
  g.output("b5");
  return g;
}

TEST(ChooseCuts, BalancesEqualBlocksAndCutsBetweenThem) {
  const GraphMaker g = six_blocks();
  auto cuts = choose_cuts(g.graph(), {3, {}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  ASSERT_EQ(cuts->size(), 2U);
  EXPECT_THAT(names(g.graph(), (*cuts)[0]), ElementsAre("b1"));
  EXPECT_THAT(names(g.graph(), (*cuts)[1]), ElementsAre("b3"));
}

TEST(ChooseCuts, TakesTheCallersCost) {
  const GraphMaker g = six_blocks();
  // The last block is as heavy as all others together.
  const auto cost = [](const backend::Node& node) {
    return node.op != "MatMul" ? 0.0 : node.name[1] == '5' ? 5.0 : 1.0;
  };
  auto cuts = choose_cuts(g.graph(), {2, cost});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  EXPECT_THAT(names(g.graph(), (*cuts)[0]), ElementsAre("b4"));
}

TEST(ChooseCuts, OnePartNeedsNoCut) {
  const auto cuts = choose_cuts(six_blocks().graph(), {1, {}});
  ASSERT_TRUE(cuts.ok());
  EXPECT_TRUE(cuts->empty());
}

TEST(ChooseCuts, SaysHowManyCutsThereAre) {
  const auto cuts = choose_cuts(six_blocks().graph(), {30, {}});
  EXPECT_EQ(cuts.status().code(), Code::kInvalidArgument);
  EXPECT_THAT(cuts.status().message(), HasSubstr("30 parts need 29 cuts; the model has 17"));
  EXPECT_TRUE(choose_cuts(six_blocks().graph(), {18, {}}).ok());
}

TEST(ChooseCuts, CarriesAMaskAlong) {
  GraphMaker g;
  g.op("x", "Parameter", {}).op("mask", "Parameter", {});
  g.op("b0", "MatMul", {"x"}, 1e9).op("s0", "Softmax", {"b0", "mask"});
  g.op("b1", "MatMul", {"s0"}, 1e9).op("s1", "Softmax", {"b1", "mask"}).output("s1");
  auto cuts = choose_cuts(g.graph(), {2, {}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  EXPECT_THAT(names(g.graph(), (*cuts)[0]), ElementsAre("mask", ::testing::_));
  EXPECT_TRUE(check_cuts(g.graph(), *cuts).ok());
}

TEST(ChooseCuts, AnEarlyOutputTravelsAlong) {
  GraphMaker g;
  g.op("x", "Parameter", {}).op("a", "MatMul", {"x"}, 1e9).op("early", "Softmax", {"a"});
  g.op("b", "MatMul", {"a"}, 1e9).op("c", "MatMul", {"b"}, 1e9).output("early").output("c");
  auto cuts = choose_cuts(g.graph(), {3, {}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  EXPECT_TRUE(check_cuts(g.graph(), *cuts).ok()) << check_cuts(g.graph(), *cuts).message();
}

TEST(ChooseCuts, BalancesIndependentBranches) {
  GraphMaker g;
  g.op("x", "Parameter", {}).op("y", "Parameter", {});
  g.op("x0", "MatMul", {"x"}, 1e9).op("x1", "MatMul", {"x0"}, 1e9).op("x2", "MatMul", {"x1"}, 1e9);
  g.op("y0", "MatMul", {"y"}, 1e9).op("y1", "MatMul", {"y0"}, 1e9).op("y2", "MatMul", {"y1"}, 1e9);
  g.op("join", "Concat", {"x2", "y2"}).output("join");
  auto cuts = choose_cuts(g.graph(), {2, {}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  EXPECT_EQ((*cuts)[0].tensors.size(), 2U);
  EXPECT_TRUE(check_cuts(g.graph(), *cuts).ok());
}

TEST(ChooseCuts, NeverThroughATensorWhoseShapeIsOnlyKnownWhenRunning) {
  GraphMaker g;
  g.op("x", "Parameter", {}).op("a", "MatMul", {"x"}, 1e9).op("found", "NonZero", {"a"}, 0, {2, -1});
  g.op("b", "Gather", {"found"}, 0, {2, 8}).op("c", "MatMul", {"b"}, 1e9).output("c");
  auto cuts = choose_cuts(g.graph(), {3, {}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  EXPECT_THAT(names(g.graph(), (*cuts)[0]), ElementsAre("a"));
  EXPECT_THAT(names(g.graph(), (*cuts)[1]), ElementsAre("b"));
  EXPECT_THAT(choose_cuts(g.graph(), {4, {}}).status().message(), HasSubstr("the model has 2"));
}

TEST(ChooseCuts, CutsBehindAQuantizerThatAllConsumersShare) {
  GraphMaker g;
  g.op("x", "Parameter", {}).op("lo", "Constant", {}).op("hi", "Constant", {});
  std::string last = "x";
  for (const char* name : {"b0", "b1"}) {
    const std::string b = name;
    g.op(b, "MatMul", {last}, 1e9).op(b + "/fq", "FakeQuantize", {b, "lo", "hi", "lo", "hi"});
    last = b + "/fq";
  }
  g.op("y", "MatMul", {last}, 1e9).output("y");
  auto cuts = choose_cuts(g.graph(), {3, {}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  EXPECT_THAT(names(g.graph(), (*cuts)[0]), ElementsAre("b0/fq"));
  EXPECT_THAT(names(g.graph(), (*cuts)[1]), ElementsAre("b1/fq"));
}

TEST(MapCuts, FindsTensorsByNameAndStepsBehindAQuantizer) {
  const GraphMaker dense = six_blocks();
  GraphMaker quantized;
  quantized.op("x", "Parameter", {})
      .op("lo", "Constant", {})
      .op("hi", "Constant", {})
      .block("b0", "x")
      .block("b1", "b0");
  quantized.op("b1/fq", "FakeQuantize", {"b1", "lo", "hi", "lo", "hi"}).block("b2", "b1/fq").output("b2");
  auto mapped = map_cuts(dense.graph(), {{{dense.edge("b0")}}, {{dense.edge("b1")}}}, quantized.graph());
  ASSERT_TRUE(mapped.ok()) << mapped.status().message();
  EXPECT_THAT(names(quantized.graph(), (*mapped)[0]), ElementsAre("b0"));
  EXPECT_THAT(names(quantized.graph(), (*mapped)[1]), ElementsAre("b1/fq"));
}

TEST(MapCuts, FallsBackToPositionAmongTensorsAlike) {
  const GraphMaker dense = six_blocks();
  GraphMaker other;
  other.op("in", "Parameter", {}).block("c0", "in").block("c1", "c0").block("c2", "c1");
  other.block("c3", "c2").block("c4", "c3").block("c5", "c4").output("c5");
  auto mapped = map_cuts(dense.graph(), {{{dense.edge("b3")}}}, other.graph());
  ASSERT_TRUE(mapped.ok()) << mapped.status().message();
  EXPECT_THAT(names(other.graph(), (*mapped)[0]), ElementsAre("c3"));
}

TEST(MapCuts, NamesATensorWithoutCounterpartAndOneOfAnotherShape) {
  const GraphMaker dense = six_blocks();
  GraphMaker shorter, narrower;
  shorter.op("in", "Parameter", {}).block("c0", "in").output("c0");
  narrower.op("x", "Parameter", {}).op("b1", "MatMul", {"x"}, 1e9, {1, 32}).output("b1");
  const std::vector<Cut> cuts{{{dense.edge("b1")}}};
  const Status missing = map_cuts(dense.graph(), cuts, shorter.graph()).status();
  EXPECT_EQ(missing.code(), Code::kFailedPrecondition);
  EXPECT_THAT(missing.message(), HasSubstr("b1 f32[1,64] has no counterpart"));
  const Status other = map_cuts(dense.graph(), cuts, narrower.graph()).status();
  EXPECT_THAT(other.message(), HasSubstr("b1 f32[1,64] is b1 f32[1,32]"));
}

TEST(CutsByName, SuggestsTheClosestNames) {
  const GraphMaker g = six_blocks();
  const Status status = cuts_by_name(g.graph(), {{"b1/mutmal"}}).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("no tensor 'b1/mutmal'; closest: b1/matmul"));
}

TEST(CutsByName, RefusesSetsThatDoNotSeparateOrAreNotInOrder) {
  const GraphMaker g = six_blocks();
  const Status leak = cuts_by_name(g.graph(), {{"b1/matmul"}}).status();
  EXPECT_EQ(leak.code(), Code::kInvalidArgument);
  EXPECT_THAT(leak.message(),
              HasSubstr("cut 1 does not separate inputs from outputs: the outputs still depend on 'x'"));
  const Status order = cuts_by_name(g.graph(), {{"b3"}, {"b1"}}).status();
  EXPECT_EQ(order.code(), Code::kInvalidArgument);
  EXPECT_THAT(order.message(), HasSubstr("cut 2 does not lie behind cut 1"));
  EXPECT_TRUE(cuts_by_name(g.graph(), {{"b1/matmul", "b0"}, {"b3"}}).ok());
}

TEST(CutsByName, AddsAnInputThatIsReadOnlyLater) {
  GraphMaker g;
  g.op("x", "Parameter", {}).op("late", "Parameter", {}).op("a", "MatMul", {"x"}, 1e9);
  g.op("b", "MatMul", {"a", "late"}, 1e9).output("b");
  auto cuts = cuts_by_name(g.graph(), {{"a"}});
  ASSERT_TRUE(cuts.ok()) << cuts.status().message();
  EXPECT_THAT(names(g.graph(), (*cuts)[0]), ElementsAre("late", "a"));
}

TEST(SeededInputs, StayWithinTheTablesTheyIndexAndAreMasksElsewhere) {
  GraphMaker g;
  const auto i64 = ElementType::kI64;
  g.op("ids", "Parameter", {}, 0, {1, 32}, i64).op("mask", "Parameter", {}, 0, {1, 32}, i64);
  g.op("table", "Constant", {}, 0, {7, 16}).op("axis", "Constant", {});
  g.op("flat", "Reshape", {"ids"}, 0, {32}, i64).op("rows", "Gather", {"table", "flat", "axis"});
  g.op("y", "Select", {"rows", "mask"}).output("y");
  std::int64_t largest = 0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const auto inputs = seeded_inputs(g.graph(), seed);
    const auto* ids = reinterpret_cast<const std::int64_t*>(inputs[0].data());
    const auto* mask = reinterpret_cast<const std::int64_t*>(inputs[1].data());
    for (int i = 0; i < 32; ++i) {
      EXPECT_GE(ids[i], 0);
      EXPECT_LT(ids[i], 7);
      largest = std::max(largest, ids[i]);
      EXPECT_TRUE(mask[i] == 0 || mask[i] == 1);
      EXPECT_LE(mask[i], mask[std::max(i - 1, 0)]);
    }
    EXPECT_EQ(mask[0], 1);
  }
  EXPECT_EQ(largest, 6);
}

TEST(Compare, SeesEveryKindOfDifference) {
  const TensorSpec spec{"y", ElementType::kF32, {3}};
  const auto bytes = [](const std::array<float, 3>& v) { return std::as_bytes(std::span(v)); };
  const std::array<float, 3> a{1, -4, 2}, b{1, -4, 2.5F}, nan{1, -4, std::nanf("")};
  EXPECT_TRUE(compare(spec, bytes(a), bytes(a)).bit_identical);
  EXPECT_FALSE(compare(spec, bytes(a), bytes(b)).bit_identical);
  EXPECT_DOUBLE_EQ(compare(spec, bytes(a), bytes(b)).max_abs, 0.5);
  EXPECT_DOUBLE_EQ(compare(spec, bytes(a), bytes(b)).max_rel, 0.125);
  EXPECT_EQ(compare(spec, bytes(a), bytes(nan)).max_rel, HUGE_VAL);
}

TEST(PieceStore, CutsAVariantOnceAndAllAtOnce) {
  const sparseloom::testing::MadeUpZoo made;
  const sparseloom::testing::TemporaryFolder cache;
  const Zoo zoo = made.load();
  const auto runtime = backend::make_scripted_runtime();
  PieceStore store(zoo, *runtime, cache.path() / "pieces");
  auto middle = store.piece(TaskId(0), VariantId(1), StageId(1));
  ASSERT_TRUE(middle.ok()) << middle.status().message();
  auto piece = backend::read_scripted_model(*middle);
  ASSERT_TRUE(piece.ok()) << piece.status().message();
  EXPECT_EQ(piece->inputs.front().name, "h0");
  EXPECT_EQ(piece->outputs.front().name, "h1");
  EXPECT_TRUE(std::filesystem::exists(middle->parent_path() / "part0.json"));
  EXPECT_TRUE(std::filesystem::exists(middle->parent_path() / "part2.json"));
  EXPECT_FALSE(store.piece(TaskId(0), VariantId(1), StageId(3)).ok());
}

TEST(PieceStore, CutsAgainWhatHasBeenDamaged) {
  const sparseloom::testing::MadeUpZoo made;
  const sparseloom::testing::TemporaryFolder cache;
  const Zoo zoo = made.load();
  const auto runtime = backend::make_scripted_runtime();
  PieceStore store(zoo, *runtime, cache.path() / "pieces");
  const auto last = store.piece(TaskId(0), VariantId(1), StageId(2));
  ASSERT_TRUE(last.ok()) << last.status().message();
  for (const std::size_t asked : {2, 0}) {  // the missing part itself, and another of its folder
    std::filesystem::remove(*last);
    ASSERT_TRUE(store.piece(TaskId(0), VariantId(1), StageId(asked)).ok());
    EXPECT_TRUE(std::filesystem::exists(*last)) << asked;
  }
}

TEST(PieceStore, RefusesAModelThatIsNotWhatItsTaskStates) {
  const auto refused = [](const char* key, const Json& value) {
    const sparseloom::testing::MadeUpZoo made;
    const sparseloom::testing::TemporaryFolder cache;
    for (const char* variant : {"dense", "int8", "structured-50"}) {
      made.edit(fmt::format("toy/{}/model.json", variant), [&](Json& json) { json[key] = value; });
    }
    const Zoo zoo = made.load();
    const auto runtime = backend::make_scripted_runtime();
    PieceStore store(zoo, *runtime, cache.path() / "pieces");
    return store.piece(TaskId(0), VariantId(1), StageId(0)).status();
  };
  const Json x{{"name", "x"}, {"type", "f32"}, {"shape", {1, 4}}};
  const Json other{{"name", "y"}, {"type", "f32"}, {"shape", {1, 4}}};
  const Json short_logits{{"name", "logits"}, {"type", "f32"}, {"shape", {1, 3}}};
  const Json narrow{{"name", "x"}, {"type", "f32"}, {"shape", {1, 3}}};
  EXPECT_THAT(refused("inputs", Json::array({narrow})).message(), HasSubstr("but the task states x f32[1,4]"));
  EXPECT_THAT(refused("inputs", Json::array({x, other})).message(),
              HasSubstr("2 inputs and 1 outputs, but the task states 1"));
  EXPECT_THAT(refused("outputs", Json::array({short_logits})).message(), HasSubstr("but the task states"));
}

TEST(PieceStore, RefusesAModelWhoseHashIsNotTheListedOne) {
  const sparseloom::testing::MadeUpZoo made;
  const sparseloom::testing::TemporaryFolder cache;
  std::string text = read_file(made.root() / "toy/int8/model.json").value();
  const Zoo zoo = made.load();
  text[text.find("0.0")] = '1';
  made.write("toy/int8/model.json", text);
  const auto runtime = backend::make_scripted_runtime();
  PieceStore store(zoo, *runtime, cache.path() / "pieces");
  const Status status = store.piece(TaskId(0), VariantId(1), StageId(0)).status();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("toy/int8/model.json"));
  EXPECT_FALSE(std::filesystem::exists(cache.path() / "pieces" / "toy" / "int8"));
}

TEST(PieceStore, ServesNoPiecesOfAModelThatHasChangedSince) {
  const sparseloom::testing::MadeUpZoo made;
  const sparseloom::testing::TemporaryFolder cache;
  const Zoo zoo = made.load();
  const auto runtime = backend::make_scripted_runtime();
  ASSERT_TRUE(PieceStore(zoo, *runtime, cache.path()).piece(TaskId(0), VariantId(1), StageId(0)).ok());
  std::string text = read_file(made.root() / "toy/int8/model.json").value();
  text[text.find("0.0")] = '1';
  made.write("toy/int8/model.json", text);
  PieceStore later(zoo, *runtime, cache.path());
  const Status status = later.piece(TaskId(0), VariantId(1), StageId(0)).status();
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("toy/int8/model.json"));
  EXPECT_TRUE(later.piece(TaskId(0), VariantId(0), StageId(0)).ok()) << "of another model";
}

// A model of two inputs that look alike, and a task that states them the other way round.
TEST(CheckInterface, BindsInputsByName) {
  const Graph graph = GraphMaker()
                          .op("left", "Parameter", {})
                          .op("right", "Parameter", {})
                          .op("y", "Subtract", {"left", "right"})
                          .output("y")
                          .graph();
  const auto spec = [](const char* name) { return TensorSpec{name, ElementType::kF32, {1, 64}}; };
  Task task;
  task.outputs = {spec("y")};
  task.inputs = {spec("right"), spec("left")};
  const auto inputs = check_interface(task, "m.xml", graph);
  ASSERT_TRUE(inputs.ok()) << inputs.status().message();
  EXPECT_THAT(*inputs, ElementsAre(graph.inputs[1], graph.inputs[0]));

  task.inputs = {spec("right"), spec("middle")};
  const Status status = check_interface(task, "m.xml", graph).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.message(), "m.xml: the task's input 'middle': not known; allowed: left, right");
}

TEST(CheckInterface, AnOnlyInputMayHaveAnyName) {
  const Graph graph = GraphMaker().op("x", "Parameter", {}).op("y", "Relu", {"x"}).output("y").graph();
  Task task;
  task.inputs = {{"pixels", ElementType::kF32, {1, 64}}};
  task.outputs = {{"logits", ElementType::kF32, {1, 64}}};
  EXPECT_TRUE(check_interface(task, "m.xml", graph).ok());
}

TEST(PieceStore, NamesBoundaryTensorsThatDisagree) {
  const sparseloom::testing::MadeUpZoo made;
  const sparseloom::testing::TemporaryFolder cache;
  made.edit("toy/structured-50/model.json", [](Json& json) { json["between"][1][0]["shape"] = {1, 3}; });
  const Zoo zoo = made.load();
  const auto runtime = backend::make_scripted_runtime();
  PieceStore store(zoo, *runtime, cache.path() / "pieces");
  const Status status = store.piece(TaskId(0), VariantId(2), StageId(0)).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("h1 f32[1,4] is h1 f32[1,3]"));
}

}  // namespace
}  // namespace sparseloom::zoo
