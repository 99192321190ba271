#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/store/database.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::profile {

/// What the prefix tree of one task is walked over.
struct AccuracyJob {
  zoo::TaskId task;
  SplitName split = SplitName::kProfile;
  const zoo::Dataset& data;
  /// [variant][stage]; outputs of a stage are the inputs of the next in every variant.
  const std::vector<std::vector<std::shared_ptr<backend::Executable>>>& stages;
};

/// Takes the logits of σ, sample by sample. Calls never overlap.
using OnOutputs = std::function<void(const zoo::Sigma&, std::vector<float>)>;

struct AccuracyOptions {
  std::size_t threads = 1;  ///< workers, each with sessions and stage outputs of its own
  OnOutputs on_outputs{};   ///< called for every σ before it is handed over; empty: outputs are not kept
  Control control;
};

/// What one call did.
struct AccuracyRun {
  std::size_t stitched = 0;      ///< stitched variants evaluated
  std::size_t stage_passes = 0;  ///< passes of the data through one stage of one variant
  Seconds elapsed{0};
};

/// Takes the finished σ of one prefix (those that share the first S-1 stages). Calls never overlap. A failure ends the
/// measurement.
using OnAccuracies = std::function<Status(std::span<const AccuracyEntry>)>;

/// Counts the correct answers of every stitched variant exactly, by the tree of prefixes: the outputs of a stage are
/// kept for all samples while everything below that prefix is evaluated, so V + V² + ... + V^S passes through a stage
/// suffice instead of S·V^S (with n workers, up to (n-1)(V + ... + V^(S-2)) more; each keeps to
/// the first stage that it has begun, so it is few). A σ for which `known` says true is
/// skipped, and so is a prefix behind which every σ is known. Memory: samples x boundary bytes per stage and worker.
/// Does nothing per sample but copy and run.
/// kCancelled when stopped: every σ handed to `on_accuracies` by then is complete.
Result<AccuracyRun> measure_accuracies(const AccuracyJob& job, const std::function<bool(const zoo::Sigma&)>& known,
                                       const AccuracyOptions& options, const OnAccuracies& on_accuracies);

}  // namespace sparseloom::profile
