#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"
#include "sparseloom/sched/request.h"
#include "sparseloom/soc/soc.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::run {

/// One stage that ran.
struct Span {
  sched::Dispatch dispatch;  ///< its request id is the caller's
  Seconds start{0};          ///< since the engine's start
  Seconds end{0};
};

/// Collects spans while an engine runs and writes them as Chrome/Perfetto trace JSON, one track per processor.
/// record() is called by the worker of `processor` only, so each processor has its own list and takes no lock. The rest
/// may be called when the engine is drained.
class TraceSink {
 public:
  /// Keeps at most `most_spans` per processor (96 bytes each) and counts what comes after.
  explicit TraceSink(std::size_t processors, std::size_t most_spans = 1'000'000);
  void record(const Span& span);

  /// Spans of one processor in order of time.
  const std::vector<Span>& spans(soc::ProcessorId processor) const { return tracks_[processor.index()].spans; }
  std::size_t dropped() const;

  /// Chrome's trace event format: a complete ("X") event per span, times in microseconds.
  Json to_json(const zoo::Zoo& zoo, const soc::Soc& soc) const;
  /// Errors: those of write_file.
  Status write(const std::filesystem::path& path, const zoo::Zoo& zoo, const soc::Soc& soc) const;

 private:
  struct alignas(64) Track {  // a cache line of its own: two workers append at the same time
    std::vector<Span> spans;
    std::size_t dropped = 0;
  };
  std::size_t most_spans_;
  std::vector<Track> tracks_;
};

}  // namespace sparseloom::run
