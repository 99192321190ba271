#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "sparseloom/soc/energy_meter.h"
#include "sparseloom/soc/sysfs.h"

namespace sparseloom::soc {
namespace fs = std::filesystem;
namespace {

/// A counter of microjoules that starts again at 0 behind its range.
struct Zone {
  fs::path folder;
  std::string name;
  std::int64_t range = 0;

  fs::path counter() const { return folder / "energy_uj"; }
};

Result<std::int64_t> read_counter(const Zone& zone) {
  auto value = read_number(zone.counter());
  if (!value.ok() && value.status().code() == Code::kUnavailable) {
    return error(Code::kUnavailable,
                 "{}; since CVE-2020-8694 (Linux 5.10) root alone may read it: run as root, or let others read it "
                 "(chmod a+r)",
                 value.status().message());
  }
  if (value.ok() && (*value < 0 || *value > zone.range)) {
    return error(Code::kMalformed, "{}: {}; 0 to max_energy_range_uj, {}, is allowed", zone.counter().string(), *value,
                 zone.range);
  }
  return value;
}

class Powercap final : public EnergyMeter {
 public:
  explicit Powercap(std::vector<Zone> zones) : zones_(std::move(zones)) {}

  Result<double> joules(Seconds /*now*/) override {
    std::vector<std::int64_t> values;
    for (const Zone& zone : zones_) {
      SL_ASSIGN_OR_RETURN(const std::int64_t value, read_counter(zone));
      values.push_back(value);
    }
    for (std::size_t z = 0; z < last_.size(); ++z) {
      const std::int64_t used = values[z] - last_[z];
      microjoules_ += static_cast<double>(used >= 0 ? used : used + zones_[z].range);
    }
    last_ = std::move(values);
    return microjoules_ * 1e-6;
  }

  std::string source() const override {
    std::vector<std::string> names;
    for (const Zone& zone : zones_) names.push_back(zone.name);
    return fmt::format("powercap: {}", fmt::join(names, ", "));
  }

 private:
  std::vector<Zone> zones_;
  std::vector<std::int64_t> last_;  // by zone; empty before the first call
  double microjoules_ = 0;
};

// "intel-rapl:0" is a package, or psys; "intel-rapl:0:1" is a part of it, or its memory.
bool counts(const Zone& zone) {
  const std::string folder = zone.folder.filename().string();
  const bool top = std::count(folder.begin(), folder.end(), ':') == 1;
  return top ? zone.name.starts_with("package") : zone.name == "dram";
}

}  // namespace

Result<std::unique_ptr<EnergyMeter>> open_powercap(const fs::path& sysfs) {
  const fs::path folder = sysfs / "class" / "powercap";
  std::vector<Zone> zones;
  for (const fs::path& entry : entries(folder, "intel-rapl:")) {
    Zone zone{.folder = entry, .name = {}};
    SL_ASSIGN_OR_RETURN(zone.name, read_line(entry / "name"));
    if (!counts(zone)) continue;
    SL_ASSIGN_OR_RETURN(zone.range, read_number(entry / "max_energy_range_uj"));
    SL_RETURN_IF_ERROR(read_counter(zone).status());
    zones.push_back(std::move(zone));
  }
  if (zones.empty()) return error(Code::kUnavailable, "{}: no package (intel-rapl:*)", folder.string());
  return std::unique_ptr<EnergyMeter>(std::make_unique<Powercap>(std::move(zones)));
}

}  // namespace sparseloom::soc
