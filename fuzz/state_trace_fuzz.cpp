// Traces of changing machines: whatever the bytes, parsing them ends in states that follow each other in time, or in
// one line that says what is wrong.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sparseloom/place/adapt/state_trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparseloom;
  static const place::CostTable table{.processors = {{"cpu0", place::ProcessorKind::kCpu, 0},
                                                     {"cpu1", place::ProcessorKind::kCpu, 0},
                                                     {"gpu", place::ProcessorKind::kGpu, 1}},
                                      .groups = {},
                                      .handover = {}};
  const auto trace =
      place::parse_state_trace({reinterpret_cast<const char*>(data), size}, table.processors, "fuzz.trace");
  if (!trace.ok()) {
    if (trace.status().message().empty()) std::abort();
    return 0;
  }
  if (trace->changes.empty() || trace->changes.front().at != Seconds(0)) std::abort();
  Seconds before{-1};
  for (const place::StateTrace::Change& change : trace->changes) {
    if (!(change.at > before) || !place::check(change.state, table).ok()) std::abort();
    before = change.at;
  }
  if (!(trace->end > before)) std::abort();
  return 0;
}
