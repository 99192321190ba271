// The thresholds of SparOA: which of two processors runs a group, by how much of what it reads is zero and by its
// intensity. Our reading of arXiv 2511.19457.
#pragma once

#include <cstddef>
#include <vector>

#include "sparseloom/place/cost_table.h"

namespace sparseloom::place {

/// A group runs on the CPU if ρ ≥ `sparsity` or I ≤ `intensity`, else on the GPU.
struct Thresholds {
  double sparsity = kCannot;  ///< ρ*: share of zeros among what a group reads; kCannot: none is so sparse
  double intensity = -1;      ///< I*: operations per byte; -1: none has so little
};

/// The two processors that thresholds choose between, by place.
struct CpuAndGpu {
  std::size_t cpu = 0, gpu = 0;
};

/// Of each kind the processor that runs most groups, of those the one that takes the least for them.
/// kFailedPrecondition where the machine lacks one of the kinds. O(groups · P).
Result<CpuAndGpu> cpu_and_gpu(const CostTable& table);

/// Whole groups on either, as the thresholds say; what that one cannot run is on the other. O(groups).
Placement placed_by_thresholds(const CostTable& table, const CpuAndGpu& pair, const Thresholds& thresholds);

/// Values of a threshold that are looked at.
inline constexpr std::size_t kThresholdSteps = 24;

/// What the groups of a model have of each, no two equal, in the order in which they take more and more groups to the
/// CPU: the first takes none, the last all. Between two neighbours a threshold changes nothing.
struct ThresholdValues {
  std::vector<double> sparsities;   ///< kCannot, then descending
  std::vector<double> intensities;  ///< -1, then ascending
};
/// O(groups · log groups).
ThresholdValues threshold_values(const CostTable& table);

/// The one at `step` (0..steps - 1) of `steps` spread over the values by rank, the first and the last among them.
double threshold_at(const std::vector<double>& values, std::size_t step, std::size_t steps = kThresholdSteps);

}  // namespace sparseloom::place
