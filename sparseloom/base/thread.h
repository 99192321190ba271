#pragma once

#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"

namespace sparseloom {

/// Index of a logical CPU as the operating system numbers them.
using CpuIndex = int;

/// CPUs this process may run on (its affinity mask), ascending.
std::vector<CpuIndex> allowed_cpus();

/// Restricts the calling thread to `cpus` (not empty). kUnavailable if the system refuses.
Status pin_this_thread(const std::vector<CpuIndex>& cpus);

/// Name shown by debuggers and `top -H`; cut to 15 characters.
void name_this_thread(std::string_view name);

}  // namespace sparseloom
