// The threads of the members, who work on one job together.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "sparseloom/base/brief.h"
#include "sparseloom/base/status.h"
#include "sparseloom/base/thread.h"

namespace sparseloom::backend {

/// A number that one thread raises and others wait for, on a cache line of its own.
class alignas(64) Milestone {
 public:
  explicit Milestone(std::uint32_t reached = 0) : reached_(reached) {}
  void reset() { reached_.store(0, std::memory_order_relaxed); }
  // Wakes only where somebody sleeps, which is counted here: the library's own count is of every sleeper whose address
  // looks alike. Sequential consistency orders the two stores before the two looks.
  void reach(std::uint32_t value) {
    reached_.store(value, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst) > 0) reached_.notify_all();
  }
  void wait(std::uint32_t value) {
    if (spin(kBrief, [&] { return passed(reached_.load(std::memory_order_acquire), value); })) return;
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    for (std::uint32_t now = 0; !passed(now = reached_.load(std::memory_order_seq_cst), value);)
      reached_.wait(now, std::memory_order_seq_cst);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  // Numbers go round.
  static bool passed(std::uint32_t now, std::uint32_t value) { return static_cast<std::int32_t>(now - value) >= 0; }

  std::atomic<std::uint32_t> reached_;
  std::atomic<std::uint32_t> sleepers_{0};
};

/// Does a job with several threads at once: the calling one, and others of its own, pinned to their cores.
class Crew {
 public:
  /// By member: the cores of its thread; empty: those of the calling one. `begun`: jobs that were done before.
  /// kResourceExhausted: no more threads.
  static Result<std::shared_ptr<Crew>> start(std::vector<std::vector<CpuIndex>> cores, std::uint32_t begun = 0);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls `job(member)` for all members, member 0 on the calling thread; returns when all have returned. Callers take
  /// turns.
  void run(const std::function<void(std::size_t)>& job);

 private:
  Crew(std::vector<std::vector<CpuIndex>> cores, std::uint32_t begun);
  void work(std::size_t member, std::uint32_t next);

  std::vector<std::vector<CpuIndex>> cores_;
  std::mutex turn_;
  std::atomic<bool> closed_{false};
  const std::function<void(std::size_t)>* job_ = nullptr;
  Milestone jobs_;  ///< how many were begun
  std::uint32_t begun_;
  std::vector<std::unique_ptr<Milestone>> done_;  ///< by member: how many it has done
  std::vector<std::thread> threads_;
};

}  // namespace sparseloom::backend
