#include "cli/policies_option.h"

#include <algorithm>
#include <array>

#include "sparseloom/base/names.h"

namespace sparseloom::cli {
namespace {

// The ten of the public benchmark, in the order of its results.
constexpr std::array<std::string_view, 10> kBenchmarkPolicies{
    "fcfs", "sjf", "sjf_sparse", "prema", "planaria", "sdrm3", "sdrm3_sparse", "dysta_naive", "dysta", "dysta_oracle"};

soc::Pools equal_processors(std::size_t count) {
  soc::Pools pools{{{}}, std::vector<std::size_t>(count, 0)};
  for (std::size_t p = 0; p < count; ++p) pools.members[0].emplace_back(p);
  return pools;
}

}  // namespace

Result<std::vector<std::string_view>> parse_policies(const std::vector<std::string>& names) {
  std::vector<std::string_view> known = sched::policy_names();
  std::vector<std::string_view> policies;
  const auto add = [&](std::string_view name) {
    if (std::find(policies.begin(), policies.end(), name) == policies.end()) policies.push_back(name);
  };
  for (const std::string& name : names) {
    if (name == "all") {
      for (const std::string_view each : kBenchmarkPolicies) add(each);
      continue;
    }
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      known.insert(known.begin(), "all");
      return unknown_name("policy", name, known);
    }
    add(*found);
  }
  return policies;
}

simulate::Stage stage_for(simulate::Benchmark& benchmark, std::size_t processors) {
  const auto admission = processors == 1 ? simulate::Admission::kBenchmark : simulate::Admission::kStandard;
  return {benchmark.plan_for(processors), equal_processors(processors), admission, benchmark};
}

}  // namespace sparseloom::cli
