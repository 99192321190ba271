#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "sparseloom/base/names.h"
#include "sparseloom/soc/energy_meter.h"
#include "sparseloom/soc/sysfs.h"

namespace sparseloom::soc {
namespace fs = std::filesystem;
namespace {

/// Of the module as a whole; the others are parts of it.
constexpr std::array<std::string_view, 2> kFeedsModule{"VDD_IN", "POM_5V_IN"};
constexpr std::string_view kNotConnected = "NC";
constexpr int kChannels = 3;

/// A power rail that one channel of a chip watches.
struct Rail {
  std::string name;
  fs::path millivolts, milliamperes;
};

/// Power, integrated over the times at which somebody asks.
class Rails final : public EnergyMeter {
 public:
  explicit Rails(std::vector<Rail> rails) : rails_(std::move(rails)) {}

  Result<double> joules(Seconds now) override {
    SL_ASSIGN_OR_RETURN(const double watts, read_watts());
    if (last_) joules_ += (now - last_->at).count() * (watts + last_->watts) / 2;
    last_ = Sample{now, watts};
    return joules_;
  }

  std::string source() const override {
    std::vector<std::string> names;
    for (const Rail& rail : rails_) names.push_back(rail.name);
    return fmt::format("ina3221: {}", fmt::join(names, ", "));
  }

  Result<double> read_watts() const {
    double microwatts = 0;
    for (const Rail& rail : rails_) {
      SL_ASSIGN_OR_RETURN(const std::int64_t millivolts, read_number(rail.millivolts));
      SL_ASSIGN_OR_RETURN(const std::int64_t milliamperes, read_number(rail.milliamperes));
      microwatts += static_cast<double>(millivolts) * static_cast<double>(milliamperes);
    }
    return microwatts * 1e-6;
  }

 private:
  struct Sample {
    Seconds at{0};
    double watts = 0;
  };

  std::vector<Rail> rails_;
  std::optional<Sample> last_;
  double joules_ = 0;
};

// The channels that have a label: a board labels those that it uses.
Result<std::vector<Rail>> rails_of(const fs::path& chip) {
  std::vector<Rail> rails;
  for (int channel = 1; channel <= kChannels; ++channel) {
    const fs::path label = chip / fmt::format("in{}_label", channel);
    std::error_code ignored;
    if (!fs::exists(label, ignored)) continue;
    SL_ASSIGN_OR_RETURN(const std::string name, read_line(label));
    if (name.empty() || name == kNotConnected) continue;
    rails.push_back({name, chip / fmt::format("in{}_input", channel), chip / fmt::format("curr{}_input", channel)});
  }
  return rails;
}

std::vector<std::string> names_of(const std::vector<Rail>& rails) {
  std::vector<std::string> names;
  for (const Rail& rail : rails) names.push_back(rail.name);
  return names;
}

Result<std::vector<Rail>> chosen(std::vector<Rail> all, const std::vector<std::string>& wanted) {
  const auto find = [&](std::string_view name) {
    return std::find_if(all.begin(), all.end(), [&](const Rail& rail) { return rail.name == name; });
  };
  std::vector<Rail> rails;
  for (const std::string& name : wanted) {
    const auto rail = find(name);
    if (rail == all.end()) return unknown_name("power rail", name, names_of(all));
    rails.push_back(*rail);
  }
  if (!wanted.empty()) return rails;
  for (const std::string_view name : kFeedsModule) {
    if (const auto rail = find(name); rail != all.end()) return std::vector<Rail>{*rail};
  }
  return all;
}

}  // namespace

Result<std::unique_ptr<EnergyMeter>> open_ina3221(const fs::path& sysfs, const std::vector<std::string>& rails) {
  const fs::path driver = sysfs / "bus" / "i2c" / "drivers" / "ina3221";
  std::vector<Rail> all;
  for (const fs::path& device : entries(driver)) {
    for (const fs::path& chip : entries(device / "hwmon", "hwmon")) {
      SL_ASSIGN_OR_RETURN(std::vector<Rail> found, rails_of(chip));
      std::move(found.begin(), found.end(), std::back_inserter(all));
    }
  }
  if (all.empty()) return error(Code::kUnavailable, "{}: no power rail", driver.string());
  SL_ASSIGN_OR_RETURN(std::vector<Rail> used, chosen(std::move(all), rails));
  auto meter = std::make_unique<Rails>(std::move(used));
  SL_RETURN_IF_ERROR(meter->read_watts().status());
  return std::unique_ptr<EnergyMeter>(std::move(meter));
}

}  // namespace sparseloom::soc
