// Private to this folder: the threads of the members.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "sparseloom/base/brief.h"
#include "sparseloom/base/thread.h"

namespace sparseloom::backend {

/// A number that one thread raises and others wait for, on a cache line of its own.
class alignas(64) Milestone {
 public:
  void reset() { reached_.store(0, std::memory_order_relaxed); }
  void reach(std::uint32_t value) {
    // libstdc++ 12 looks for sleepers by a load that a weaker store may still be under way at (engine::Mailbox).
    reached_.store(value, std::memory_order_seq_cst);
    reached_.notify_all();
  }
  void wait(std::uint32_t value) const {
    if (spin(kBrief, [&] { return reached_.load(std::memory_order_acquire) >= value; })) return;
    for (std::uint32_t now = 0; (now = reached_.load(std::memory_order_acquire)) < value;)
      reached_.wait(now, std::memory_order_acquire);
  }

 private:
  std::atomic<std::uint32_t> reached_{0};
};

/// Does a job with several threads at once: the calling one, and others of its own, pinned to their cores.
class Crew {
 public:
  /// By member: the cores of its thread; empty: wherever it is.
  explicit Crew(std::vector<std::vector<CpuIndex>> cores);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// Calls `job(member)` for all members, member 0 on the calling thread; returns when all have returned. Callers take
  /// turns.
  void run(const std::function<void(std::size_t)>& job);

 private:
  void work(std::size_t member);

  std::vector<std::vector<CpuIndex>> cores_;
  std::mutex turn_;
  std::atomic<bool> closed_{false};
  const std::function<void(std::size_t)>* job_ = nullptr;
  Milestone jobs_;  ///< how many were begun
  std::uint32_t begun_ = 0;
  std::vector<std::unique_ptr<Milestone>> done_;  ///< by member: how many it has done
  std::vector<std::thread> threads_;
};

}  // namespace sparseloom::backend
