// What the predictor of SparOA's thresholds sees of a model on a machine (docs/hybrid.md). It is trained on what this
// writes (tools/place), so that both see the same.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "sparseloom/place/cost_table.h"
#include "sparseloom/place/evaluate.h"

namespace sparseloom::place {

/// Names what the numbers below mean; whoever changes that changes the name.
inline constexpr std::string_view kThresholdFeatureSet = "sparoa-threshold-1";
/// Of a model of more groups neighbours are merged into so many.
inline constexpr std::size_t kMostFeatureRows = 512;

/// Of a group. Its rank by either property says where it stands among the values of ThresholdValues, 0..1: step s of n
/// takes it to the CPU if and only if its rank is at most s / (n - 1). Ranks read are those of the groups that write
/// what it reads; the host's memory has rank 0, that of a CPU. Times are shares of what the whole model takes on the
/// faster of the two processors.
inline constexpr std::array<std::string_view, 25> kGroupFeatures{"intensity rank",
                                                                 "least intensity rank read",
                                                                 "greatest intensity rank read",
                                                                 "zeros rank",
                                                                 "least zeros rank read",
                                                                 "greatest zeros rank read",
                                                                 "log10 operations",
                                                                 "log10 bytes",
                                                                 "log10 result",
                                                                 "log10 intensity",
                                                                 "activation zeros",
                                                                 "weight zeros",
                                                                 "log10 cpu time",
                                                                 "log10 gpu time",
                                                                 "cpu time",
                                                                 "gpu time",
                                                                 "cannot on cpu",
                                                                 "cannot on gpu",
                                                                 "log10 hand-over to gpu",
                                                                 "log10 hand-over to cpu",
                                                                 "hand-over to gpu",
                                                                 "hand-over to cpu",
                                                                 "inputs",
                                                                 "log10 readers",
                                                                 "return from gpu"};
/// Of the machine, for this model.
inline constexpr std::array<std::string_view, 11> kMachineFeatures{
    "log10 seconds",    "log10 cpu over gpu", "log10 hand-over", "log10 cpu launch",
    "log10 gpu launch", "log10 latency",      "log10 transfer",  "memory domains differ",
    "log10 groups",     "additive",           "log10 inputs"};

struct ThresholdFeatures {
  std::vector<std::array<float, kGroupFeatures.size()>> groups;  ///< in the table's order, at most kMostFeatureRows
  std::array<float, kMachineFeatures.size()> machine{};
};

/// Errors: those of cpu_and_gpu(); kFailedPrecondition if a group runs on neither of the two. All numbers are finite.
/// O(groups · log groups).
Result<ThresholdFeatures> threshold_features(const CostTable& table, CostModel model);

}  // namespace sparseloom::place
