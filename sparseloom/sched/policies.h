#pragma once

#include <memory>

#include "sparseloom/sched/policy.h"

namespace sparseloom::sched {

// One file each; the table in policies.cpp lists them.
std::unique_ptr<Policy> make_fcfs(std::size_t queues);
std::unique_ptr<Policy> make_edf(std::size_t queues);

}  // namespace sparseloom::sched
