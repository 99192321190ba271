// Private to profile: sessions of every stage of every variant of a task, for one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "sparseloom/profile/measure/stages.h"
#include "sparseloom/zoo/boundaries.h"

namespace sparseloom::profile {

/// All bound once: the sessions of a stage share the buffers in front of it and behind it, which hold one sample. Not
/// thread-safe; sessions of one executable take turns.
class StageSessions {
 public:
  /// kFailedPrecondition if a stage output is not what the next stage takes. The executables must outlive the
  /// object.
  static Result<StageSessions> bind(const StageTable& stages);

  std::size_t variants() const { return sessions_.front().size(); }
  std::size_t stages() const { return sessions_.size(); }
  /// The tensors in front of stage s; s = S: the model's outputs.
  std::vector<HostBuffer>& at(std::size_t s) { return boundaries_.at(s); }
  /// Bytes in front of stage s.
  std::size_t bytes(std::size_t s) const;

  /// Copies one sample into the buffers in front of the first stage.
  void load(const zoo::Dataset& data, std::size_t sample) { boundaries_.load(data, sample); }
  /// Copies bytes(s) bytes into the buffers in front of stage s, or out of them.
  void put(std::size_t s, const std::byte* from);
  void take(std::size_t s, std::byte* to) const;
  /// Runs stage s of variant v.
  Status run(std::size_t s, std::size_t v) { return sessions_[s][v]->run(); }

 private:
  explicit StageSessions(std::size_t stages) : boundaries_(stages), sessions_(stages) {}

  zoo::Boundaries boundaries_;
  std::vector<std::vector<std::unique_ptr<backend::Session>>> sessions_;  // [s][v]; destroyed before the buffers
};

}  // namespace sparseloom::profile
