#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::zoo {

/// One thing that was checked.
struct Check {
  std::string group;    ///< files, models, cuts, data, spread
  std::string subject;  ///< the zoo, a task, or a variant
  bool passed = false;
  std::string detail;  ///< what was found; on failure: where, what arrived, what is allowed
};

struct VerifyOptions {
  /// Latency of whole variants run alone, [task][variant]; empty where this machine has no profile. Decides which
  /// variant is the fastest; without it the one with the fewest parameters is, INT8 weights counting a quarter.
  std::vector<std::vector<std::optional<Seconds>>> latencies;
  bool bound_spread = false;                   ///< a spread that leaves nothing to decide is a failure, not only shown
  std::function<void(const Check&)> on_check;  ///< sees every check when it is done; may be empty
};

/// Checks a loaded zoo, group by group: every file's hash; every model loads and has its task's inputs and output;
/// every variant has the dense one's cut tensors, equal in type and shape; data have the stated shapes, labels in range
/// and no sample in both splits; with `bound_spread`, the spread of accuracies leaves something to decide (no variant
/// more than 8 points below dense on either split, the fastest at least 3 points below). Stops after the first group in
/// which a check fails and returns its first failure: kDataLoss, kMalformed or kFailedPrecondition.
Status verify(const Zoo& zoo, const backend::Runtime& runtime, const VerifyOptions& options);

/// Size on disk of a variant's model files.
Bytes model_bytes(const Zoo& zoo, const Task& task, VariantId variant);

}  // namespace sparseloom::zoo
