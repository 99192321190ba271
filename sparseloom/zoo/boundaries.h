#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::zoo {

/// The tensors that the stages of a task pass on, of one sample: boundary s lies in front of stage s, the last behind
/// the last stage. All sessions bound here share them, whatever their variants, so that a run copies and allocates
/// nothing. Not thread-safe; different sessions may be run by different threads one after another.
class Boundaries {
 public:
  /// The first executable that touches a boundary decides what tensors it has; of the model's inputs `inputs` does, if
  /// they are given.
  explicit Boundaries(std::size_t stages, const std::vector<TensorSpec>& inputs = {});

  /// A session of `executable`, bound as stage `stage`; to be destroyed before this is. kFailedPrecondition if its
  /// tensors are not, in order, type and shape, those of the boundaries (both are named).
  Result<std::unique_ptr<backend::Session>> bind(backend::Executable& executable, std::size_t stage);

  std::size_t stages() const { return boundaries_.size() - 1; }
  const std::vector<TensorSpec>& tensors(std::size_t boundary) const { return boundaries_[boundary].tensors; }
  std::vector<HostBuffer>& at(std::size_t boundary) { return boundaries_[boundary].buffers; }
  const std::vector<HostBuffer>& at(std::size_t boundary) const { return boundaries_[boundary].buffers; }

  /// Copies one sample into the model's inputs.
  void load(const Dataset& data, std::size_t sample);
  /// Share of zeros in what lies there.
  double sparsity(std::size_t boundary) const;

 private:
  struct Boundary {
    std::vector<TensorSpec> tensors;
    std::vector<HostBuffer> buffers;
  };
  Status fit(std::size_t boundary, const std::vector<TensorSpec>& tensors, std::size_t stage);

  std::vector<Boundary> boundaries_;
};

}  // namespace sparseloom::zoo
