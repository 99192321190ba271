#include "sparseloom/base/thread.h"

#include <fmt/ranges.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace sparseloom {

std::vector<CpuIndex> allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<CpuIndex> cpus;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (CpuIndex cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

Status pin_this_thread(const std::vector<CpuIndex>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const CpuIndex cpu : cpus) {
    if (cpu < 0 || cpu >= CPU_SETSIZE)
      return error(Code::kInvalidArgument, "CPU {}: allowed are 0..{}", cpu, CPU_SETSIZE - 1);
    CPU_SET(static_cast<std::size_t>(cpu), &set);
  }
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    return error(Code::kUnavailable, "cannot pin a thread to CPUs {}: {}", fmt::join(cpus, ","), std::strerror(errno));
  }
  return {};
}

void name_this_thread(std::string_view name) {
  constexpr std::size_t kMost = 15;
  pthread_setname_np(pthread_self(), std::string(name.substr(0, kMost)).c_str());
}

void lower_priority_of_this_thread() {
  constexpr int kNiceness = 10, kMost = 19;
  // Linux takes 0 for the calling thread here, not for its process.
  setpriority(PRIO_PROCESS, 0, std::min(getpriority(PRIO_PROCESS, 0) + kNiceness, kMost));
}

}  // namespace sparseloom
