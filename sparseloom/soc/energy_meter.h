// What a machine itself measures of the energy that it uses.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"

namespace sparseloom::soc {

/// Not thread-safe.
class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;
  /// Joules since the first call, which returns 0. `now` is by any clock of the caller's that does not go back.
  /// Counters of energy do not look at it, but must be asked before they wrap twice (a package of 100 W: within 40
  /// minutes); meters of power are integrated over it by the trapezoidal rule, and are as good as they are asked often.
  /// A failure (the file is named) leaves out nothing: the next call that succeeds counts from the last one that did.
  virtual Result<double> joules(Seconds now) = 0;
  /// What is counted, for people: "powercap: package-0, dram".
  virtual std::string source() const = 0;
};

/// Linux's powercap: the packages below <sysfs>/class/powercap/intel-rapl:* (AMD's CPUs are there too), and their
/// memory, which a package's energy does not contain (Khan et al., RAPL in Action, 2018). Cores and what else is part
/// of a package are not counted again, nor is the whole platform (psys), of which packages are parts. kUnavailable: no
/// package is there, or only root may read what it used (CVE-2020-8694); kMalformed: a number is none.
Result<std::unique_ptr<EnergyMeter>> open_powercap(const std::filesystem::path& sysfs);

/// The power rails of a Jetson, below <sysfs>/bus/i2c/drivers/ina3221 (Documentation/hwmon/ina3221 of Linux): the sum
/// of `rails` by their labels; if it is empty, of the rail that feeds the module (VDD_IN, POM_5V_IN), or, where none
/// does (AGX Orin), of all that are labelled. kUnavailable: there are no rails; kInvalidArgument lists those that there
/// are; kNotFound, kMalformed name a file.
Result<std::unique_ptr<EnergyMeter>> open_ina3221(const std::filesystem::path& sysfs,
                                                  const std::vector<std::string>& rails = {});

/// The first of them that the machine has. kUnavailable: it has none, and where they were looked for; or the reason why
/// the one that it has cannot be read.
Result<std::unique_ptr<EnergyMeter>> open_energy_meter(const std::filesystem::path& sysfs = "/sys");

}  // namespace sparseloom::soc
