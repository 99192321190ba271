#pragma once

#include <filesystem>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/machine_lock.h"
#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/store/database.h"
#include "sparseloom/profile/store/shipped.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

/// What to measure of what is missing.
struct MeasureOptions {
  std::filesystem::path database;       ///< empty: default_database()
  std::filesystem::path compile_cache;  ///< empty: default_compile_cache()
  std::vector<zoo::TaskId> tasks;       ///< empty: all
  bool latency = true;                  ///< latencies, and the sparsity of stage outputs
  bool again = false;                   ///< also latencies that are disturbed()
  bool contention = false;              ///< how stages slow each other: measured every time
  std::vector<SplitName> accuracy;      ///< splits to evaluate every stitched variant on, in this order; empty: none
  bool use_shipped = true;              ///< accuracies that ship with the zoo count as measured
  /// Measure nothing but fail with kFailedPrecondition if a task's accuracies on the profile split are neither shipped
  /// nor measured nor estimated; those of kind "unknown" need not be.
  bool require_accuracy = false;
  std::size_t threads = 1;  ///< workers that measure accuracies
  LockOptions lock;
  Control control;
};

/// What a call did, and the profile as it stands afterwards.
struct Measured {
  Profile profile;
  std::filesystem::path database;
  std::vector<Shipped> shipped;  ///< by task, whether or not it was used
  Seconds elapsed{0};
  std::size_t latencies = 0;     ///< measured by this call
  std::size_t stitched = 0;      ///< accuracies of stitched variants measured by this call, over splits
  std::size_t stage_passes = 0;  ///< passes of a split through one stage of one variant
};

/// Measures what is missing, if anything is as the only process that does on this machine (MachineLock), and keeps it
/// in the database: latencies and sparsities first, then contention, then accuracies split by split and task by task.
/// Stopping (kCancelled) or killing it loses at most the batch in work; calling it again goes on from there.
Result<Measured> measure(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                         zoo::PieceStore& pieces, const MeasureOptions& options);

}  // namespace sparseloom::profile
