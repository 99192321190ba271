// The pieces of the demo zoo's variants, by kind of compression: each chain computes what the whole variant does.
#include "sparseloom/zoo/pieces.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/cut_check.h"
#include "tests/errors/cli.h"
#include "tests/support/made_up_zoo.h"
#include "tests/support/tiny_ir.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::zoo {
namespace {

using sparseloom::testing::demo_zoo;
using sparseloom::testing::TemporaryFolder;

// The task's first variant compressed this way; tasks name theirs after levels of their own.
Result<VariantId> variant_of_kind(const Task& task, const std::string& kind) {
  const auto found = std::find_if(task.variants.begin(), task.variants.end(),
                                  [&](const Variant& variant) { return variant.compression.kind == kind; });
  if (found != task.variants.end()) return VariantId(static_cast<std::size_t>(found - task.variants.begin()));
  return error(Code::kNotFound, "task '{}': no variant of kind '{}'", task.name, kind);
}

class DemoPieces : public ::testing::TestWithParam<std::string> {};

TEST_P(DemoPieces, ReproduceTheWholeVariant) {
  const TemporaryFolder cache;
  const auto runtime = backend::make_runtime("openvino").value();
  const Zoo zoo = load_zoo(demo_zoo()).value();
  PieceStore store(zoo, *runtime, cache.path());
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const Task& task = zoo.tasks[t];
    const auto found = variant_of_kind(task, GetParam());
    ASSERT_TRUE(found.ok()) << found.status().message();
    const VariantId variant = *found;
    const auto path = task.variants[variant.index()].model;
    const auto model = runtime->read(path).value();
    std::vector<std::shared_ptr<backend::Executable>> whole{runtime->compile(*model, {}).value()}, stages;
    for (std::size_t s = 0; s < task.stages(); ++s) {
      auto piece = store.piece(TaskId(t), variant, StageId(s));
      ASSERT_TRUE(piece.ok()) << piece.status().message();
      auto executable = runtime->load(*piece, {});
      ASSERT_TRUE(executable.ok()) << executable.status().message();
      stages.push_back(std::move(executable).value());
    }
    Chain a = Chain::bind(std::move(whole)).value(), b = Chain::bind(std::move(stages)).value();
    auto check = check_chain(model->graph(), a, b, 6);
    ASSERT_TRUE(check.ok()) << check.status().message();
    EXPECT_LE(check->difference.max_rel, difference_bound(model->graph())) << task.name;
    EXPECT_GT(check->sensitivity, difference_bound(model->graph())) << task.name;
  }
}

// An ONNX model of h0, h1 and logits, as task.json's cuts call them, made by operators of other names; any batch.
std::string dynamic_onnx() {
  sparseloom::testing::TinyOnnx model;
  model.input("x", {-1, 4});
  std::string x = "x";
  for (const std::string y : {"h0", "h1", "logits"}) {
    model.weights(y + "_w", {1, 4}).op("Mul", "times_" + y, {x, y + "_w"}, y);
    x = y;
  }
  return model.output("logits", {-1, 4}).text();
}

TEST(Pieces, OfDynamicOnnxModelsHaveTheTasksShapesAndCutsAtItsTensors) {
  const sparseloom::testing::MadeUpZoo made;
  for (const std::string name : {"dense", "int8", "structured-50"}) {
    std::filesystem::remove(made.root() / "toy" / name / "model.json");
    made.write("toy/" + name + "/model.onnx", dynamic_onnx());
    made.edit("toy/" + name + "/variant.json", [](Json& variant) { variant["model"] = "model.onnx"; });
  }
  made.list_files();
  const TemporaryFolder cache;
  const auto runtime = backend::make_runtime("openvino").value();
  const Zoo zoo = made.load();
  PieceStore store(zoo, *runtime, cache.path());
  for (std::size_t s = 0; s < zoo.tasks[0].stages(); ++s) {
    const auto piece = store.piece(TaskId(0), VariantId(1), StageId(s));
    ASSERT_TRUE(piece.ok()) << piece.status().message();
    const auto model = runtime->read(*piece).value();
    EXPECT_EQ(model->graph().edge(model->graph().outputs[0]).spec.shape, (Shape{1, 4}));
  }
}

// The models take left before right, the task lists right before left.
TEST(Pieces, TheFirstTakesTheInputsInTheTasksOrder) {
  const sparseloom::testing::MadeUpZoo made;
  sparseloom::testing::TinyIr ir;
  const std::vector<int> inputs{ir.parameter("left", {1, 4}), ir.parameter("right", {1, 4})};
  int x = ir.add("h0", "Subtract", "opset1", R"(<data auto_broadcast="numpy"/>)", inputs, {1, 4});
  x = ir.add("h1", "ReLU", "opset1", "", {x}, {1, 4});
  ir.result(ir.add("logits", "ReLU", "opset1", "", {x}, {1, 4}));
  for (const std::string variant : {"dense", "int8", "structured-50"}) {
    ir.write(made.root() / "toy" / variant / "model.xml");
    made.edit("toy/" + variant + "/variant.json", [](Json& json) { json["model"] = "model.xml"; });
  }
  made.edit("toy/task.json", [](Json& json) {
    const Json input = json["inputs"][0];
    json["inputs"].push_back(input);
    json["inputs"][0]["name"] = "right";
    json["inputs"][1]["name"] = "left";
    for (const char* split : {"profile", "test"}) {
      json["data"][split]["inputs"].push_back(json["data"][split]["inputs"][0]);
    }
  });
  const TemporaryFolder cache;
  const auto runtime = backend::make_runtime("openvino").value();
  const Zoo zoo = made.load();
  PieceStore store(zoo, *runtime, cache.path());
  const auto first = store.piece(TaskId(0), VariantId(1), StageId(0));
  ASSERT_TRUE(first.ok()) << first.status().message();
  const auto executable = runtime->load(*first, {}).value();
  EXPECT_EQ(executable->inputs()[0].name, "right");
  EXPECT_EQ(executable->inputs()[1].name, "left");
}

INSTANTIATE_TEST_SUITE_P(Kinds, DemoPieces, ::testing::Values("dense", "int8", "unstructured+int8", "structured+int8"),
                         [](const auto& kind) {
                           std::string name = kind.param;
                           std::replace(name.begin(), name.end(), '+', '_');
                           return name;
                         });

}  // namespace
}  // namespace sparseloom::zoo
