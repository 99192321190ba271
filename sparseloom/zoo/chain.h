#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/zoo/boundaries.h"

namespace sparseloom::zoo {

/// A stitched variant ready to run: one session per stage, bound once to the buffers between them, so that a run copies
/// and allocates nothing. Not thread-safe; different stages may be run by different threads one after another.
class Chain {
 public:
  /// kFailedPrecondition if the outputs of a stage are not, in order, type and shape, the inputs of the next (both
  /// tensors are named). The executables are kept alive by the chain.
  static Result<Chain> bind(std::vector<std::shared_ptr<backend::Executable>> stages);

  std::size_t stages() const { return sessions_.size(); }
  /// Where the model's input `index` is read from: write it before run().
  std::span<std::byte> input(std::size_t index) { return boundaries_.at(0)[index].span(); }
  std::size_t inputs() const { return boundaries_.at(0).size(); }
  /// The model's outputs after run(); valid until the next.
  std::span<const std::byte> output(std::size_t index) const { return boundaries_.at(stages())[index].span(); }

  /// Share of zeros in what stage `stage` has written.
  double sparsity(std::size_t stage) const { return boundaries_.sparsity(stage + 1); }

  /// Copies one sample into the inputs.
  void load(const Dataset& data, std::size_t sample) { boundaries_.load(data, sample); }
  /// Runs stage `stage` alone, on the calling thread; run() runs all of them in order.
  Status run_stage(std::size_t stage) { return sessions_[stage]->run(); }
  Status run();

 private:
  explicit Chain(std::size_t stages) : boundaries_(stages) {}
  std::vector<std::shared_ptr<backend::Executable>> executables_;
  Boundaries boundaries_;
  std::vector<std::unique_ptr<backend::Session>> sessions_;  ///< destroyed before the buffers they are bound to
};

}  // namespace sparseloom::zoo
