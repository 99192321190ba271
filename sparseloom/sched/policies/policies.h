#pragma once

#include <memory>
#include <string_view>

#include "sparseloom/sched/policy.h"

namespace sparseloom::sched {

/// What a policy is made from: its row in the table, and for how many queues.
struct PolicySpec {
  std::string_view name;
  Knowledge knowledge = Knowledge::kModel;
  std::size_t queues = 0;
};

// One file each; the table in policies.cpp lists them.
std::unique_ptr<Policy> make_dysta(const PolicySpec& spec);
std::unique_ptr<Policy> make_dysta_fixed(const PolicySpec& spec);
std::unique_ptr<Policy> make_edf(const PolicySpec& spec);
std::unique_ptr<Policy> make_fcfs(const PolicySpec& spec);
std::unique_ptr<Policy> make_planaria(const PolicySpec& spec);
std::unique_ptr<Policy> make_prema(const PolicySpec& spec);
std::unique_ptr<Policy> make_sdrm3(const PolicySpec& spec);
std::unique_ptr<Policy> make_sjf(const PolicySpec& spec);
std::unique_ptr<Policy> make_stretch(const PolicySpec& spec);

}  // namespace sparseloom::sched
