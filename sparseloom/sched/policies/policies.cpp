#include "sparseloom/sched/policies/policies.h"

#include <array>

#include "sparseloom/base/names.h"

namespace sparseloom::sched {
namespace {

struct PolicyRow {
  std::string_view name;
  Knowledge knowledge;
  std::unique_ptr<Policy> (*make)(const PolicySpec& spec);
};

// A new policy is a file and a line here.
constexpr std::array kPolicies{
    PolicyRow{"fcfs", Knowledge::kModel, make_fcfs},
    PolicyRow{"edf", Knowledge::kModel, make_edf},
    PolicyRow{"sjf", Knowledge::kModel, make_sjf},
    PolicyRow{"sjf_sparse", Knowledge::kMonitored, make_sjf},
    PolicyRow{"prema", Knowledge::kModel, make_prema},
    PolicyRow{"planaria", Knowledge::kModel, make_planaria},
    PolicyRow{"sdrm3", Knowledge::kModel, make_sdrm3},
    PolicyRow{"sdrm3_sparse", Knowledge::kMonitored, make_sdrm3},
    PolicyRow{"dysta_naive", Knowledge::kModel, make_dysta},
    PolicyRow{"dysta", Knowledge::kMonitored, make_dysta},
    PolicyRow{"dysta_oracle", Knowledge::kTruth, make_dysta},
    PolicyRow{"dysta_fixed", Knowledge::kMonitored, make_dysta_fixed},
    PolicyRow{"stretch", Knowledge::kMonitored, make_stretch},
};

}  // namespace

std::vector<std::string_view> policy_names() {
  std::vector<std::string_view> names;
  for (const PolicyRow& row : kPolicies) names.push_back(row.name);
  return names;
}

std::vector<std::string_view> causal_policy_names() {
  std::vector<std::string_view> names;
  for (const PolicyRow& row : kPolicies) {
    if (row.knowledge != Knowledge::kTruth) names.push_back(row.name);
  }
  return names;
}

Result<std::unique_ptr<Policy>> make_policy(std::string_view name, std::size_t queues) {
  for (const PolicyRow& row : kPolicies) {
    if (row.name == name) return row.make({row.name, row.knowledge, queues});
  }
  return unknown_name("policy", name, policy_names());
}

}  // namespace sparseloom::sched
