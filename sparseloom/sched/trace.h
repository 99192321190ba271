#pragma once

#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/base/units.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::sched {

/// One stage that ran.
struct Span {
  Dispatch dispatch;  ///< its request id is the caller's
  Seconds start{0};   ///< since the host's start
  Seconds end{0};
};

/// What a trace calls things.
struct TraceNames {
  struct Task {
    std::string name;
    std::vector<std::string> variants;  ///< by zoo::VariantId
  };
  std::string host;                 ///< of what ran, e.g. "sparseloom on <machine>"
  std::vector<std::string> places;  ///< processors and gangs, by soc::ProcessorId
  std::vector<Task> tasks;          ///< by zoo::TaskId
};
TraceNames trace_names(std::string host, const zoo::Zoo& zoo, const soc::Soc& soc);

/// Collects spans while a host runs and shows them as Chrome/Perfetto trace JSON, one track per processor
/// and gang. record() is called by one thread for each, so each has its own list and takes no lock. The rest may
/// be called when the host is idle.
class TraceSink {
 public:
  /// Keeps at most `most_spans` per place (96 bytes each) and counts what comes after.
  explicit TraceSink(std::size_t places, std::size_t most_spans = 1'000'000);
  void record(const Span& span);

  /// Spans of one place in order of time.
  const std::vector<Span>& spans(soc::ProcessorId place) const { return tracks_[place.index()].spans; }
  std::size_t dropped() const;

  /// Chrome's trace event format: a complete ("X") event per span, times in microseconds.
  Json to_json(const TraceNames& names) const;

 private:
  struct alignas(64) Track {  // a cache line of its own: two workers append at the same time
    std::vector<Span> spans;
    std::size_t dropped = 0;
  };
  std::size_t most_spans_;
  std::vector<Track> tracks_;
};

}  // namespace sparseloom::sched
