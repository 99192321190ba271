// SoC files: whatever the bytes, reading them ends in a machine whose every number can be computed with, or in one line
// that says what is wrong.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sparseloom/soc/soc_file.h"

namespace {

using namespace sparseloom;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_rates(const soc::Rates& rates) {
  for (const backend::Precision p : backend::kPrecisions) {
    const double operations = rates.of(rates.of(p).runs_as).operations_per_second;
    require(std::isfinite(operations) && operations > 0);
    require(soc::speed_up(rates.unstructured_of(p), 0.9) >= 1);
  }
  require(std::isfinite(rates.bytes_per_second) && rates.bytes_per_second > 0);
  require(rates.launch.count() >= 0 && rates.per_operator.count() >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto json = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz.json");
  if (!json.ok()) return 0;
  const auto file = soc::parse_soc(*json, "fuzz.json");
  if (!file.ok()) {
    require(file.status().message().find("fuzz.json") != std::string::npos);
    return 0;
  }
  require(file->soc.modelled && !file->soc.processors.empty());
  require(file->rates.size() == file->soc.processors.size());
  for (const auto& rates : file->rates) {
    if (rates) check_rates(*rates);
  }
  for (const soc::MeasuredTable& table : file->tables) {
    for (const soc::MeasuredSubgraph& m : table.subgraphs) {
      require(m.processor.index() < file->soc.processors.size() && m.median.count() > 0 && m.count > 0);
    }
  }
  return 0;
}
