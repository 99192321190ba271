#include "sparseloom/report/profile_trust.h"

#include <fmt/format.h>

#include <algorithm>

#include "sparseloom/report/quartiles_json.h"

namespace sparseloom::report {

std::string disturbed_note(const profile::Profile& profile) {
  const auto [measured, disturbed] = profile::count_latencies(profile);
  if (disturbed == 0) return "";
  return fmt::format(
      "{} of {} latencies were measured on a busy machine; measure them again with: sparseloom profile --again\n",
      disturbed, measured);
}

bool rests_on_disturbed(const profile::TaskProfile& profile, const plan::TaskPlan& plan) {
  for (std::size_t i = 0; i < plan.sigma.size(); ++i) {
    if (profile::disturbed(profile.latency(plan.sigma[i], zoo::StageId(i), plan.placement[i], plan.providers[i]))) {
      return true;
    }
  }
  return false;
}

std::string marked_ms(Seconds latency, bool disturbed, int digits) {
  return fmt::format("{}{:.{}f}", disturbed ? "~" : "", to_ms(latency), digits);
}

std::string mark_legend(const std::string& table) {
  return table.find('~') == std::string::npos ? "" : "~ measured on a busy machine\n";
}

std::string describe(const profile::ProfileCheck& check) {
  const auto& [median, q1, q3] = check.overall;
  const std::string than =
      median >= 1
          ? fmt::format("{:.2f}x slower than profiled (quartiles {:.2f} .. {:.2f})", median, q1, q3)
          : fmt::format("{:.2f}x faster than profiled (quartiles {:.2f} .. {:.2f})", 1 / median, 1 / q3, 1 / q1);
  return fmt::format("this machine is {}, measured on {} subgraphs", than, check.subgraphs);
}

Json check_json(const soc::Soc& soc, const profile::ProfileCheck& check) {
  Json processors = Json::array();
  for (std::size_t p = 0; p < soc.processors.size(); ++p) {
    processors.push_back({{"processor", soc.processors[p].name}, {"ratio", quartiles_json(check.processors[p])}});
  }
  const auto disturbed = std::count_if(check.latencies.begin(), check.latencies.end(),
                                       [](const profile::CheckedLatency& l) { return profile::disturbed(l.now); });
  return {{"machine", soc.name},          {"fits", check.fits()},   {"ratio", quartiles_json(check.overall)},
          {"subgraphs", check.subgraphs}, {"disturbed", disturbed}, {"processors", std::move(processors)}};
}

}  // namespace sparseloom::report
