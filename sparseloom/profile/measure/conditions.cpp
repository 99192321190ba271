#include "sparseloom/profile/measure/conditions.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace sparseloom::profile {
namespace fs = std::filesystem;
namespace {

// "cpu7" -> 7; none for the line of all CPUs and for what is no CPU.
std::optional<CpuIndex> cpu_named(const std::string& word) {
  constexpr std::string_view kPrefix = "cpu";
  const bool numbered =
      word.size() > kPrefix.size() && word.starts_with(kPrefix) &&
      std::all_of(word.begin() + kPrefix.size(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  return numbered ? std::optional(std::stoi(word.substr(kPrefix.size()))) : std::nullopt;
}

fs::path cpufreq(const fs::path& sysfs, CpuIndex core) {
  return sysfs / "devices/system/cpu" / ("cpu" + std::to_string(core)) / "cpufreq";
}

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : std::min(1.0, static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

ConditionsWatch::ConditionsWatch(std::vector<CpuIndex> cores, MachineFiles files)
    : cores_(std::move(cores)), files_(std::move(files)) {}

ConditionsWatch::Counters ConditionsWatch::read() const {
  Counters now;
  std::ifstream stat(files_.proc / "stat");
  for (std::string line; std::getline(stat, line) && line.starts_with("cpu");) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    const auto cpu = cpu_named(name);
    if (!cpu || std::find(cores_.begin(), cores_.end(), *cpu) == cores_.end()) continue;
    constexpr std::size_t kSteal = 7;  // user nice system idle iowait irq softirq steal; guest is a part of user
    std::array<std::uint64_t, kSteal + 1> ticks{};
    for (std::uint64_t& count : ticks) words >> count;
    for (const std::uint64_t count : ticks) now.time += count;
    now.steal += ticks[kSteal];
  }
  std::error_code none;
  for (const auto& task : fs::directory_iterator(files_.proc / "self/task", none)) {
    std::ifstream file(task.path() / "schedstat");
    std::uint64_t run = 0, wait = 0;
    if (file >> run >> wait) now.run += run, now.wait += wait;
  }
  return now;
}

void ConditionsWatch::begin() { begun_ = read(); }

void ConditionsWatch::end() {
  const Counters now = read();
  // A thread that ended takes its part with it.
  const auto add = [](std::uint64_t& sum, std::uint64_t from, std::uint64_t to) { sum += to > from ? to - from : 0; };
  add(sum_.steal, begun_.steal, now.steal);
  add(sum_.time, begun_.time, now.time);
  add(sum_.wait, begun_.wait, now.wait);
  add(sum_.run, begun_.run, now.run);
  for (const CpuIndex core : cores_) {
    std::ifstream file(cpufreq(files_.sysfs, core) / "scaling_cur_freq");
    if (double khz = 0; file >> khz) mhz_sum_ += khz / 1e3, ++mhz_count_;
  }
}

Conditions ConditionsWatch::conditions() const {
  Conditions result;
  result.steal = share(sum_.steal, sum_.time);
  result.foreign = share(sum_.wait, sum_.wait + sum_.run);
  if (mhz_count_ > 0) result.mhz = mhz_sum_ / static_cast<double>(mhz_count_);
  if (!cores_.empty()) std::ifstream(cpufreq(files_.sysfs, cores_.front()) / "scaling_governor") >> result.governor;
  return result;
}

}  // namespace sparseloom::profile
