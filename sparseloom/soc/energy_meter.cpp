#include "sparseloom/soc/energy_meter.h"

namespace sparseloom::soc {
namespace fs = std::filesystem;

Result<std::unique_ptr<EnergyMeter>> open_energy_meter(const fs::path& sysfs) {
  std::error_code ignored;
  const bool rails = fs::exists(sysfs / "bus" / "i2c" / "drivers" / "ina3221", ignored);
  if (rails) return open_ina3221(sysfs);
  auto meter = open_powercap(sysfs);
  if (meter.ok() || fs::exists(sysfs / "class" / "powercap", ignored)) return meter;
  return error(Code::kUnavailable, "no energy meter: neither {} nor {} is there",
               (sysfs / "class" / "powercap").string(), (sysfs / "bus" / "i2c" / "drivers" / "ina3221").string());
}

}  // namespace sparseloom::soc
