#include "sparseloom/zoo/boundaries.h"

#include <gtest/gtest.h>

#include <cstring>

#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/zoo/chain.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::zoo {
namespace {

// Pieces that pass on their one tensor of so many floats.
class BoundariesTest : public ::testing::Test {
 protected:
  std::shared_ptr<backend::Executable> piece(const std::string& in, const std::string& out, std::int64_t floats) {
    const auto path = folder_.path() / (in + out + ".json");
    const auto tensor = [&](const std::string& name) { return TensorSpec{name, ElementType::kF32, {1, floats}}; };
    EXPECT_TRUE(
        backend::write_scripted_model(
            path, {.inputs = {tensor(in)}, .between = {}, .outputs = {tensor(out)}, .spin = Seconds(0), .fail = {}})
            .ok());
    return runtime_->load(path, {}).value();
  }

 private:
  sparseloom::testing::TemporaryFolder folder_;
  std::unique_ptr<backend::Runtime> runtime_ = backend::make_scripted_runtime();
};

TEST_F(BoundariesTest, PassWhatOneStageWritesToTheNext) {
  Boundaries boundaries(2);
  const auto first = piece("a", "b", 2), second = piece("b", "c", 2);
  const auto run_first = boundaries.bind(*first, 0).value();
  const auto run_second = boundaries.bind(*second, 1).value();
  const float values[] = {0, 5};
  std::memcpy(boundaries.at(0)[0].data(), values, sizeof values);
  ASSERT_TRUE(run_first->run().ok());
  ASSERT_TRUE(run_second->run().ok());
  EXPECT_EQ(std::memcmp(boundaries.at(2)[0].data(), values, sizeof values), 0);
  EXPECT_EQ(boundaries.sparsity(1), 0.5);
}

TEST_F(BoundariesTest, TheFirstThatTouchesOneDecidesWhatItHolds) {
  Boundaries boundaries(2);
  ASSERT_TRUE(boundaries.bind(*piece("a", "b", 2), 0).ok());
  const Status takes = boundaries.bind(*piece("x", "c", 3), 1).status();
  EXPECT_EQ(takes.code(), Code::kFailedPrecondition);
  EXPECT_EQ(takes.message(), "stage 1 takes (x f32[1,3]) where (b f32[1,2]) is passed");
  ASSERT_TRUE(boundaries.bind(*piece("b", "c", 2), 1).ok());
  EXPECT_EQ(boundaries.bind(*piece("a", "y", 2), 0).status().code(), Code::kOk) << "names may differ";
}

TEST_F(BoundariesTest, ThatOfTheModelsInputsCanBeGiven) {
  Boundaries boundaries(1, {TensorSpec{"image", ElementType::kF32, {1, 4}}});
  EXPECT_EQ(boundaries.bind(*piece("x", "y", 2), 0).status().message(),
            "stage 0 takes (x f32[1,2]) where (image f32[1,4]) is passed");
}

TEST_F(BoundariesTest, MakeAChainOfPiecesThatFit) {
  EXPECT_TRUE(Chain::bind({piece("a", "b", 2), piece("b", "c", 2)}).ok());
  EXPECT_EQ(Chain::bind({piece("a", "b", 2), piece("x", "c", 3)}).status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(Chain::bind({}).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace sparseloom::zoo
