// Meters of energy on made-up trees: what is counted, what is not, and what is said where nothing can be.
#include "sparseloom/soc/energy_meter.h"

#include <gmock/gmock.h>

#include "sparseloom/base/file.h"
#include "tests/support/as_nobody.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::soc {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class EnergyMeters : public ::testing::Test {
 protected:
  EnergyMeters() { fs::permissions(sysfs_.path(), fs::perms(0755)); }

  void write(const fs::path& below, const std::string& text) {
    fs::create_directories((sysfs_.path() / below).parent_path());
    ASSERT_TRUE(write_file(sysfs_.path() / below, text + "\n").ok());
  }

  void zone(const std::string& folder, const std::string& name, const std::string& microjoules,
            const std::string& range = "1000000") {
    const fs::path zone = fs::path("class/powercap") / folder;
    write(zone / "name", name);
    write(zone / "energy_uj", microjoules);
    write(zone / "max_energy_range_uj", range);
  }

  // Volts and amperes of a channel.
  void channel(const std::string& chip, int number, const std::string& label, const std::string& millivolts,
               const std::string& milliamperes) {
    const fs::path hwmon = fs::path("bus/i2c/drivers/ina3221") / chip / "hwmon/hwmon1";
    write(hwmon / ("in" + std::to_string(number) + "_label"), label);
    write(hwmon / ("in" + std::to_string(number) + "_input"), millivolts);
    write(hwmon / ("curr" + std::to_string(number) + "_input"), milliamperes);
  }

  std::unique_ptr<EnergyMeter> must_open() {
    auto meter = open_energy_meter(sysfs_.path());
    EXPECT_TRUE(meter.ok()) << meter.status().message();
    return meter.ok() ? std::move(meter).value() : nullptr;
  }

  double must_read(EnergyMeter& meter, double seconds = 0) {
    const auto joules = meter.joules(Seconds(seconds));
    EXPECT_TRUE(joules.ok()) << joules.status().message();
    return joules.ok() ? *joules : -1;
  }

  std::string refused() { return open_energy_meter(sysfs_.path()).status().message(); }

  sparseloom::testing::TemporaryFolder sysfs_;
};

TEST_F(EnergyMeters, PowercapCountsPackagesAndTheirMemoryOnce) {
  zone("intel-rapl:0", "package-0", "100");
  zone("intel-rapl:0:0", "core", "70");
  zone("intel-rapl:0:1", "dram", "10");
  zone("intel-rapl:1", "package-1", "200");
  zone("intel-rapl:2", "psys", "999");
  zone("intel-rapl-mmio:0", "package-0", "100");
  write("class/powercap/intel-rapl/enabled", "1");
  const auto meter = must_open();
  ASSERT_NE(meter, nullptr);
  EXPECT_EQ(meter->source(), "powercap: package-0, dram, package-1");
  EXPECT_EQ(must_read(*meter), 0);
  zone("intel-rapl:0", "package-0", "500100");
  zone("intel-rapl:0:0", "core", "400070");
  zone("intel-rapl:0:1", "dram", "50010");
  zone("intel-rapl:1", "package-1", "250200");
  zone("intel-rapl:2", "psys", "900999");
  EXPECT_DOUBLE_EQ(must_read(*meter), 0.5 + 0.05 + 0.25);
}

TEST_F(EnergyMeters, PowercapGoesOnWhereACounterBeginsAgain) {
  zone("intel-rapl:0", "package-0", "900000");
  const auto meter = must_open();
  ASSERT_NE(meter, nullptr);
  must_read(*meter);
  zone("intel-rapl:0", "package-0", "200000");
  EXPECT_DOUBLE_EQ(must_read(*meter), 0.3);
  zone("intel-rapl:0", "package-0", "100000");
  EXPECT_DOUBLE_EQ(must_read(*meter), 1.2);
}

TEST_F(EnergyMeters, PowercapWithoutPermissionSaysWhatToDo) {
  zone("intel-rapl:0", "package-0", "1");
  const fs::path counter = sysfs_.path() / "class/powercap/intel-rapl:0/energy_uj";
  fs::permissions(counter, fs::perms::none);
  const sparseloom::testing::AsNobody nobody;
  const Status status = open_energy_meter(sysfs_.path()).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr(counter.string() + ": cannot open: Permission denied"));
  EXPECT_THAT(status.message(), HasSubstr("CVE-2020-8694"));
  EXPECT_THAT(status.message(), HasSubstr("chmod a+r"));
}

TEST_F(EnergyMeters, PowercapNumbersThatAreNone) {
  zone("intel-rapl:0", "package-0", "12 Joule");
  EXPECT_THAT(refused(), HasSubstr("intel-rapl:0/energy_uj: '12 Joule' is no whole number"));
  zone("intel-rapl:0", "package-0", "12", "lots");
  EXPECT_THAT(refused(), HasSubstr("max_energy_range_uj: 'lots' is no whole number"));
  zone("intel-rapl:0", "package-0", "12", "11");
  EXPECT_THAT(refused(), HasSubstr("energy_uj: 12; 0 to max_energy_range_uj, 11, is allowed"));
  zone("intel-rapl:0", "package-0", "99999999999999999999999");
  EXPECT_THAT(refused(), HasSubstr("is no whole number"));
}

TEST_F(EnergyMeters, AReadingThatFailsLosesNothing) {
  zone("intel-rapl:0", "package-0", "100000");
  const auto meter = must_open();
  ASSERT_NE(meter, nullptr);
  must_read(*meter);
  zone("intel-rapl:0", "package-0", "");
  EXPECT_FALSE(meter->joules(Seconds(0)).ok());
  zone("intel-rapl:0", "package-0", "400000");
  EXPECT_DOUBLE_EQ(must_read(*meter), 0.3);
}

TEST_F(EnergyMeters, OfAnOrinNanoTheRailOfTheModuleCounts) {
  channel("1-0040", 1, "VDD_IN", "5000", "1000");
  channel("1-0040", 2, "VDD_CPU_GPU_CV", "5000", "200");
  channel("1-0040", 3, "VDD_SOC", "5000", "300");
  const auto meter = must_open();
  ASSERT_NE(meter, nullptr);
  EXPECT_EQ(meter->source(), "ina3221: VDD_IN");
  EXPECT_EQ(must_read(*meter, 10), 0);
  channel("1-0040", 1, "VDD_IN", "5000", "3000");
  EXPECT_DOUBLE_EQ(must_read(*meter, 12), 2 * (5 + 15) / 2.0);  // from 5 W to 15 W in 2 s
  EXPECT_DOUBLE_EQ(must_read(*meter, 13), 20 + 15);
}

TEST_F(EnergyMeters, OfAnAgxOrinAllLabelledRailsCount) {
  channel("1-0040", 1, "VDD_GPU_SOC", "20000", "100");
  channel("1-0040", 2, "VDD_CPU_CV", "20000", "50");
  channel("1-0040", 3, "VIN_SYS_5V0", "5000", "800");
  channel("1-0041", 1, "NC", "0", "0");
  channel("1-0041", 2, "VDDQ_VDD2_1V8AO", "5000", "100");
  const auto meter = must_open();
  ASSERT_NE(meter, nullptr);
  EXPECT_EQ(meter->source(), "ina3221: VDD_GPU_SOC, VDD_CPU_CV, VIN_SYS_5V0, VDDQ_VDD2_1V8AO");
  must_read(*meter, 0);
  EXPECT_DOUBLE_EQ(must_read(*meter, 1), 2 + 1 + 4 + 0.5);
}

TEST_F(EnergyMeters, RailsMayBeChosen) {
  channel("1-0040", 1, "VDD_IN", "5000", "1000");
  channel("1-0040", 2, "VDD_CPU_GPU_CV", "5000", "200");
  const auto meter = open_ina3221(sysfs_.path(), {"VDD_CPU_GPU_CV"});
  ASSERT_TRUE(meter.ok()) << meter.status().message();
  EXPECT_EQ((*meter)->source(), "ina3221: VDD_CPU_GPU_CV");
  const Status missing = open_ina3221(sysfs_.path(), {"VDD_GPU"}).status();
  EXPECT_EQ(missing.code(), Code::kInvalidArgument);
  EXPECT_EQ(missing.message(), "power rail 'VDD_GPU': not known; allowed: VDD_IN, VDD_CPU_GPU_CV");
}

TEST_F(EnergyMeters, ARailWithoutItsCurrentIsNamed) {
  channel("1-0040", 1, "VDD_IN", "5000", "1000");
  fs::remove(sysfs_.path() / "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/curr1_input");
  const Status status = open_energy_meter(sysfs_.path()).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("1-0040/hwmon/hwmon1/curr1_input"));
  channel("1-0040", 1, "VDD_IN", "5V", "1000");
  EXPECT_THAT(refused(), HasSubstr("in1_input: '5V' is no whole number"));
}

TEST_F(EnergyMeters, WhereThereIsNoneThatIsSaid) {
  const Status status = open_energy_meter(sysfs_.path()).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("no energy meter: neither " + sysfs_.path().string() + "/class/powercap"));
  fs::create_directories(sysfs_.path() / "class/powercap");
  EXPECT_THAT(refused(), HasSubstr("class/powercap: no package (intel-rapl:*)"));
  fs::create_directories(sysfs_.path() / "bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1");
  EXPECT_THAT(refused(), HasSubstr("drivers/ina3221: no power rail"));
}

}  // namespace
}  // namespace sparseloom::soc
