#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/base/file.h"

namespace sparseloom::backend {
namespace {

using ::testing::HasSubstr;

TensorSpec f32(std::string name, std::int64_t count) { return {std::move(name), ElementType::kF32, {1, count}}; }

class ScriptedTest : public ::testing::Test {
 protected:
  ScriptedTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                fmt::format("{}.{}", ::testing::UnitTest::GetInstance()->current_test_info()->name(), ::getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~ScriptedTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::filesystem::path write(const ScriptedModel& model, const std::string& name = "m.json") {
    const auto path = folder_ / name;
    EXPECT_TRUE(write_scripted_model(path, model).ok());
    return path;
  }

  std::filesystem::path folder_;
  std::unique_ptr<Runtime> runtime_ = make_scripted_runtime();
};

TEST_F(ScriptedTest, CopiesTheFirstInputAndZeroesTheRest) {
  const auto path = write({{f32("x", 2)}, {}, {f32("y", 3)}, Seconds(0), ""});
  auto loaded = runtime_->load(path, {});
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  auto session = (*loaded)->new_session();
  ASSERT_TRUE(session.ok());
  HostBuffer x(8), y(12);
  const float values[2] = {1.5F, -2.0F};
  std::memcpy(x.data(), values, sizeof values);
  std::memset(y.data(), 0xFF, y.size());
  ASSERT_TRUE((*session)->bind_input(0, x.span()).ok());
  ASSERT_TRUE((*session)->bind_output(0, y.span()).ok());
  ASSERT_TRUE((*session)->run().ok());
  const float* out = reinterpret_cast<const float*>(y.data());
  EXPECT_EQ(out[0], 1.5F);
  EXPECT_EQ(out[1], -2.0F);
  EXPECT_EQ(out[2], 0.0F);
}

TEST_F(ScriptedTest, RefusesWrongSizesUnknownIndicesAndUnboundTensors) {
  const auto path = write({{f32("x", 2)}, {}, {f32("y", 3)}, Seconds(0), ""});
  auto loaded = runtime_->load(path, {});
  ASSERT_TRUE(loaded.ok());
  auto session = (*loaded)->new_session();
  ASSERT_TRUE(session.ok());
  HostBuffer bytes(4);
  EXPECT_THAT((*session)->bind_input(0, bytes.span()).message(), HasSubstr("'x': got 4 bytes; it has 8"));
  EXPECT_THAT((*session)->bind_output(1, bytes.span()).message(), HasSubstr("output 1: the model has 1"));
  EXPECT_THAT((*session)->run().message(), HasSubstr("'x' was never bound"));
}

TEST_F(ScriptedTest, FailsWithItsOwnMessage) {
  const auto path = write({{f32("x", 1)}, {}, {f32("y", 1)}, Seconds(0), "the device fell off"});
  auto loaded = runtime_->load(path, {});
  ASSERT_TRUE(loaded.ok());
  auto session = (*loaded)->new_session();
  ASSERT_TRUE(session.ok());
  HostBuffer x(4), y(4);
  ASSERT_TRUE((*session)->bind_input(0, x.span()).ok());
  ASSERT_TRUE((*session)->bind_output(0, y.span()).ok());
  EXPECT_EQ((*session)->run().message(), "the device fell off");
}

TEST_F(ScriptedTest, PiecesAreModelsThatShareOutTheSpin) {
  const ScriptedModel whole{{f32("x", 4)}, {{f32("a", 3)}, {f32("b", 2)}}, {f32("y", 4)}, from_ms(0.3), ""};
  auto model = runtime_->read(write(whole));
  ASSERT_TRUE(model.ok()) << model.status().message();
  const Graph& graph = (*model)->graph();
  ASSERT_EQ(graph.nodes.size(), 4U);
  const EdgeId a = graph.node(NodeId(1)).outputs.front();
  auto piece = (*model)->extract({a}, graph.outputs);
  ASSERT_TRUE(piece.ok()) << piece.status().message();
  ASSERT_TRUE((*piece)->save(folder_ / "piece.json").ok());
  auto back = read_scripted_model(folder_ / "piece.json");
  ASSERT_TRUE(back.ok()) << back.status().message();
  EXPECT_EQ(back->inputs.front().name, "a");
  EXPECT_EQ(back->between.size(), 1U);
  EXPECT_DOUBLE_EQ(back->spin.count(), from_ms(0.2).count());
  EXPECT_FALSE((*model)->extract(graph.outputs, {a}).ok());
}

TEST_F(ScriptedTest, NamesThePlaceOfAMistakeInTheFile) {
  const auto path = folder_ / "bad.json";
  ASSERT_TRUE(write_file(path, R"({"inputs": [{"name": "x", "type": "f31", "shape": [1]}], "outputs": []})").ok());
  EXPECT_THAT(runtime_->read(path).status().message(), HasSubstr("outputs"));
  ASSERT_TRUE(write_file(path, R"({"inputs": [{"name": "x", "type": "f31", "shape": [1]}],
                                   "outputs": [{"name": "y", "type": "f32", "shape": [1]}]})")
                  .ok());
  EXPECT_THAT(runtime_->read(path).status().message(), HasSubstr("inputs[0]: type: no element type 'f31'"));
  EXPECT_EQ(runtime_->read(folder_ / "none.json").status().code(), Code::kNotFound);
}

}  // namespace
}  // namespace sparseloom::backend
