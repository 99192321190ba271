#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::run {

/// One stage that ran.
struct Span {
  sched::Dispatch dispatch;
  Seconds start{0};
  Seconds end{0};
};

/// Collects spans while an engine runs and writes them as Chrome/Perfetto trace JSON, one track per processor.
/// record() is called by the worker of `processor` only, so each processor has its own list and takes no lock.
class TraceSink {
 public:
  explicit TraceSink(std::size_t processors);
  void record(const Span& span);
  /// Call when the engine is drained. Names come from zoo and soc. Errors: those of write_file.
  Status write(const std::filesystem::path& path, const zoo::Zoo& zoo, const soc::Soc& soc) const;

 private:
  std::vector<std::vector<Span>> spans_;
};

}  // namespace sparseloom::run
