#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/status.h"
#include "sparseloom/zoo/dataset.h"

namespace sparseloom::zoo {

/// Where a stage takes and leaves its tensors: in host memory, or in the memory of its executable's device.
struct StageEnds {
  bool input_on_device = false, output_on_device = false;
  /// A device that the stage before has left its outputs in: they are copied to host memory first, as a part of the
  /// run.
  std::string input_from{};
  friend auto operator<=>(const StageEnds&, const StageEnds&) = default;
};

/// The tensors that the stages of a task pass on, of one sample: boundary s lies in front of stage s, the last behind
/// the last stage. All sessions bound here share them, whatever their variants, so that a run copies and allocates
/// nothing. Not thread-safe; different sessions may be run by different threads one after another.
class Boundaries {
 public:
  /// The first executable that touches a boundary decides what tensors it has; of the model's inputs `inputs` does, if
  /// they are given.
  explicit Boundaries(std::size_t stages, const std::vector<TensorSpec>& inputs = {});

  /// A session of `executable`, bound as stage `stage`; to be destroyed before this is. kFailedPrecondition if its
  /// tensors are not, in order, type and shape, those of the boundaries (both are named). A boundary has tensors in the
  /// memory of each device that a stage takes or leaves it in, beside those in the host's; what lies in one is not seen
  /// in the other.
  Result<std::unique_ptr<backend::Session>> bind(backend::Executable& executable, std::size_t stage,
                                                 const StageEnds& ends = {});
  /// Copies a boundary from the host's memory to the executable's device, where a session was bound to it, or back.
  Status upload(const backend::Executable& executable, std::size_t boundary);
  Status download(const backend::Executable& executable, std::size_t boundary);

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
    std::map<std::string, std::vector<std::shared_ptr<backend::DeviceTensor>>, std::less<>> on_device;  // by device
  };
  Result<std::vector<std::shared_ptr<backend::DeviceTensor>>> on_device(std::size_t boundary,
                                                                        backend::Executable& executable);
  Status fit(std::size_t boundary, const std::vector<TensorSpec>& tensors, std::size_t stage);

  std::vector<Boundary> boundaries_;
};

}  // namespace sparseloom::zoo
