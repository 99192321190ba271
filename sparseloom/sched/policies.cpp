#include "sparseloom/sched/policies.h"

#include <fmt/ranges.h>

#include <array>

namespace sparseloom::sched {
namespace {

struct PolicyRow {
  std::string_view name;
  std::unique_ptr<Policy> (*make)(std::size_t queues);
};

// A new policy is a file and a line here.
constexpr std::array kPolicies{
    PolicyRow{"fcfs", make_fcfs},
    PolicyRow{"edf", make_edf},
};

}  // namespace

std::vector<std::string_view> policy_names() {
  std::vector<std::string_view> names;
  for (const PolicyRow& row : kPolicies) names.push_back(row.name);
  return names;
}

Result<std::unique_ptr<Policy>> make_policy(std::string_view name, std::size_t queues) {
  for (const PolicyRow& row : kPolicies) {
    if (row.name == name) return row.make(queues);
  }
  return error(Code::kInvalidArgument, "no policy '{}'; known: {}", name, fmt::join(policy_names(), ", "));
}

}  // namespace sparseloom::sched
