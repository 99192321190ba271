#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "sparseloom/base/brief.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::engine {

/// Where one worker waits for its next stage. One taker; posters take turns (the engine's mutex sees to it) and post
/// only when the last letter was taken. Neither side takes a lock: a post is a store and, if the worker sleeps, a wake.
class Mailbox {
 public:
  /// `spin`: for so long the taker looks for a letter before it sleeps.
  explicit Mailbox(Seconds spin = kBrief) : spin_(spin) {}

  void post(const sched::Dispatch& dispatch) {
    letter_ = dispatch;
    put(kFull);
  }
  /// While true, the taker sleeps at once: its core is somebody else's for a time that is known to be long.
  void rest(bool rests) { rests_.store(rests, std::memory_order_relaxed); }
  /// Ends the taker. Nothing may be posted afterwards.
  void close() { put(kClosed); }

  /// Waits until there is a letter; nothing once the mailbox is closed.
  std::optional<sched::Dispatch> take() {
    spin(spin_,
         [this] { return state_.load(std::memory_order_relaxed) != kEmpty || rests_.load(std::memory_order_relaxed); });
    state_.wait(kEmpty, std::memory_order_acquire);
    if (state_.load(std::memory_order_acquire) == kClosed) return std::nullopt;
    const sched::Dispatch letter = letter_;
    state_.store(kEmpty,
                 std::memory_order_relaxed);  // published by the mutex that the taker locks before the next post
    return letter;
  }

 private:
  static constexpr std::int32_t kEmpty = 0, kFull = 1, kClosed = 2;

  // libstdc++ 12 wakes nobody if it sees no sleeper, and looks for one by a load that a weaker store
  // may still be under way at: then the taker falls asleep and nobody wakes it. Sequential consistency orders the two.
  void put(std::int32_t state) {
    state_.store(state, std::memory_order_seq_cst);
    state_.notify_one();
  }

  // Letter and state on one cache line: handing over moves one from core to core.
  alignas(64) std::atomic<std::int32_t> state_{kEmpty};
  std::atomic<bool> rests_{false};
  sched::Dispatch letter_;
  alignas(64) const Seconds spin_;
};

}  // namespace sparseloom::engine
