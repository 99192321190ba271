#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>

#include "sparseloom/base/status.h"

namespace sparseloom::bench::kernels {

/// A CPU for each thread of a team, the first of those allowed. A team of threads that sleep between short layers must
/// be told where to run: they are otherwise woken on the CPU of the thread that wakes them, and nothing runs side by
/// side.
class Places {
 public:
  explicit Places(int threads) : threads_(threads) {}
  /// Pins the calling thread, for good, and returns when every thread of the team has its place (or after a second: no
  /// library promises its threads).
  void take(std::size_t place);
  Status status() const { return failed_ ? Status(Code::kUnavailable, "cannot pin threads to CPUs") : Status(); }

 private:
  int threads_;
  std::chrono::steady_clock::time_point give_up_ = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  std::atomic<int> taken_ = 0;
  std::atomic<bool> failed_ = false;
};

/// Gives the calling thread the first place, and those that OpenVINO and sparse layers share work with the next ones.
/// Call it for the most threads first: TBB and OpenVINO look at the CPUs of the process once, and will not use more.
/// kInvalidArgument: more threads than CPUs.
Status pin_threads(int threads);

}  // namespace sparseloom::bench::kernels
