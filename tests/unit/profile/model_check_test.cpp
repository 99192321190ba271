#include "sparseloom/profile/analytical/model_check.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sparseloom/profile/analytical/host_rates.h"

namespace sparseloom::profile {
namespace {

ModelFit fit(const std::vector<std::pair<double, double>>& modelled_and_measured) {
  std::vector<ModelledAndMeasured> subgraphs;
  for (const auto& [modelled, measured] : modelled_and_measured) {
    subgraphs.push_back({Seconds(modelled), Seconds(measured)});
  }
  return fit_of(subgraphs);
}

TEST(ModelFit, TheSameOrderIsARankCorrelationOfOne) {
  const ModelFit twice = fit({{2, 1}, {4, 2}, {60, 30}});
  EXPECT_EQ(twice.subgraphs, 3U);
  EXPECT_DOUBLE_EQ(twice.spearman, 1);
  EXPECT_DOUBLE_EQ(twice.ratio.median, 2);
  EXPECT_DOUBLE_EQ(twice.mape, 1);
  EXPECT_DOUBLE_EQ(fit({{1, 1}, {100, 2}, {101, 3}}).spearman, 1);
}

TEST(ModelFit, TheReverseOrderIsMinusOneAndTiesShareARank) {
  EXPECT_DOUBLE_EQ(fit({{3, 1}, {2, 2}, {1, 3}}).spearman, -1);
  EXPECT_DOUBLE_EQ(fit({{1, 1}, {1, 2}, {2, 3}, {2, 4}}).spearman, 2 / std::sqrt(5.0));  // ranks 1.5 1.5 3.5 3.5
  EXPECT_DOUBLE_EQ(fit({{1, 1}, {1, 2}}).spearman, 0);
}

TEST(ModelFit, ErrorsOfBothSignsAddUp) {
  EXPECT_DOUBLE_EQ(fit({{0.5, 1}, {1.5, 1}}).mape, 0.5);
  EXPECT_EQ(fit({}).subgraphs, 0U);
}

TEST(MeasureRates, OnlyOfACpu) {
  soc::Processor npu;
  npu.name = "npu0";
  npu.device = "NPU";
  const auto rates = measure_rates(npu);
  EXPECT_EQ(rates.status().code(), Code::kInvalidArgument);
  EXPECT_NE(rates.status().message().find("npu0"), std::string::npos);
}

}  // namespace
}  // namespace sparseloom::profile
