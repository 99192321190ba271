#include "sparseloom/profile/measure/kept_operators.h"

#include <gtest/gtest.h>

#include <fstream>

#include "sparseloom/base/file.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::profile {
namespace {

const KeptOperator kMatMul{.name = "matmul", .seconds = {{0, 1e-3, 2e-3, 3e-3, 4e-3}}, .axis = 1, .along = true};
const KeptOperator kTopK{
    .name = "topk", .seconds = {{0, place::kCannot, place::kCannot, place::kCannot, 5e-3}}, .axis = {}, .along = false};

TEST(KeptOperators, WhatWasMeasuredIsThereWhenOpenedAgain) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "operators" / "model.jsonl";
  {
    KeptOperators kept(file, "openvino 1, two cores");
    EXPECT_FALSE(kept.find(0, "matmul"));
    kept.keep(0, kMatMul);
    kept.keep(3, kTopK);
  }
  const KeptOperators kept(file, "openvino 1, two cores");
  const auto matmul = kept.find(0, "matmul"), topk = kept.find(3, "topk");
  ASSERT_TRUE(matmul && topk);
  EXPECT_EQ(matmul->seconds, kMatMul.seconds);
  EXPECT_EQ(matmul->axis, 1U);
  EXPECT_TRUE(matmul->along);
  EXPECT_EQ(topk->seconds, kTopK.seconds);
  EXPECT_FALSE(topk->axis);
  EXPECT_FALSE(kept.find(1, "matmul"));
  EXPECT_FALSE(kept.find(0, "another")) << "a group by another name is another group";
}

TEST(KeptOperators, TimesOfOtherMembersOrLibrariesDoNotCount) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "model.jsonl";
  KeptOperators(file, "openvino 1").keep(0, kMatMul);
  EXPECT_FALSE(KeptOperators(file, "openvino 2").find(0, "matmul"));
  EXPECT_FALSE(KeptOperators(file, "openvino 1").find(0, "matmul")) << "the file was begun anew";
}

TEST(KeptOperators, DamagedLinesAreMeasuredAgain) {
  const testing::TemporaryFolder folder;
  const auto file = folder.path() / "model.jsonl";
  {
    KeptOperators kept(file, "s");
    kept.keep(0, kMatMul);
  }
  std::ofstream(file, std::ios::app) << "{\"group\":1,\"name\":\"x\",\"seconds\":[[0,-1,1,1,1]],\"axis\":null,"
                                        "\"along\":false}\nnonsense\n{\"group\":2,\"na";
  {
    KeptOperators kept(file, "s");
    EXPECT_TRUE(kept.find(0, "matmul"));
    EXPECT_FALSE(kept.find(1, "x"));
    kept.keep(2, kTopK);  // behind a line that was written in part
  }
  const KeptOperators kept(file, "s");
  EXPECT_TRUE(kept.find(0, "matmul"));
  EXPECT_TRUE(kept.find(2, "topk"));
}

TEST(KeptOperators, AFileThatCannotBeWrittenKeepsNothing) {
  KeptOperators kept("/proc/no/such/folder/model.jsonl", "s");
  kept.keep(0, kMatMul);
  EXPECT_FALSE(kept.find(0, "matmul"));
  KeptOperators().keep(0, kMatMul);
}

}  // namespace
}  // namespace sparseloom::profile
