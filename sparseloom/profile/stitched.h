#pragma once

#include <utility>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/machine_lock.h"
#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/zoo/dataset.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

/// Wilson's 95 % interval of a share of `samples`; {0, 1} without samples. Fractions 0..1.
std::pair<double, double> interval95(const Accuracy& accuracy);

/// Runs σ over the first `samples` samples and counts right answers. kCancelled when stopped.
Result<Accuracy> run_accuracy(const zoo::Zoo& zoo, const backend::Runtime& runtime, zoo::PieceStore& pieces,
                              zoo::TaskId task, const zoo::Sigma& sigma, const zoo::Dataset& data, std::size_t samples,
                              const Control& control);

/// σ run alone, stage i on placement[i].
struct PlacementLatency {
  std::vector<soc::ProcessorId> placement;
  Latency latency;  ///< from the first stage's start to the last one's end, hand-overs included; resident is 0
};

struct PlacementOptions {
  int rounds = 50;
  std::size_t most_placements = 64;  ///< with more, only those that change processor at most once
  LockOptions lock = {};
  std::filesystem::path compile_cache;  ///< empty: compiled blobs are not kept
  Control control;
};

/// Measures every placement (P^S of them), every stage by its processor's first provider, in interleaved rounds, with
/// real chained runs: one thread per processor, pinned to its cores; each runs its stages and hands the chain to the
/// thread of the next. Holds the MachineLock meanwhile; every latency has the conditions of all cores over the whole
/// measurement.
Result<std::vector<PlacementLatency>> measure_placements(const soc::Soc& soc, const backend::Runtime& runtime,
                                                         zoo::PieceStore& pieces, zoo::TaskId task,
                                                         const zoo::Sigma& sigma, const zoo::Dataset& data,
                                                         const PlacementOptions& options);

}  // namespace sparseloom::profile
