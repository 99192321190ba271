// Workload files: whatever the bytes, parsing them ends in a workload or in one line that says what is wrong.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sparseloom/sched/workload.h"
#include "sparseloom/sched/workload_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sparseloom;
  static const zoo::Zoo zoo = [] {
    zoo::Zoo z;
    for (const char* name : {"image", "sentiment", "activity", "speech"}) z.tasks.emplace_back().name = name;
    return z;
  }();
  const auto json = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz.json");
  if (!json.ok()) return 0;
  const auto workload = sched::parse_workload(*json, zoo, "fuzz.json", [](const std::string& file) {
    return Result<std::vector<Seconds>>(std::vector{Seconds(0), Seconds(static_cast<double>(file.size()))});
  });
  if (!workload.ok()) {
    if (workload.status().message().empty()) std::abort();
    return 0;
  }
  bool ends = workload->duration.has_value();
  for (const sched::Arrivals& a : workload->arrivals) ends = ends || a.requests > 0;
  if (!ends) std::abort();
  return 0;
}
