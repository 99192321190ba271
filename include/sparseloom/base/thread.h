#pragma once

#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom {

/// Index of a logical CPU as the operating system numbers them.
using CpuIndex = int;

/// CPUs the calling thread may run on (its affinity mask), ascending; CPU 0 if the system does not say.
std::vector<CpuIndex> allowed_cpus();

/// Restricts the calling thread to `cpus` (not empty). kInvalidArgument: the system has no such number; kUnavailable:
/// it refuses.
Status pin_this_thread(const std::vector<CpuIndex>& cpus);

/// Names the calling thread for debuggers and `top -H`; cut to 15 characters.
void name_this_thread(std::string_view name);

/// From now on the calling thread, and threads that it starts, take from the processors what others leave over (ten
/// steps nicer). What the system refuses is left as it is: the work is the same.
void lower_priority_of_this_thread();

}  // namespace sparseloom
