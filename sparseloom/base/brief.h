#pragma once

#include <chrono>
#include <mutex>

#include "sparseloom/base/units.h"

namespace sparseloom {

/// How long a thread looks before it sleeps. About what sleeping and being woken costs, so that looking first wastes at
/// most as much as it could save.
constexpr std::chrono::microseconds kBrief{20};

/// Tells the core that this is a waiting loop, for the sake of its other hardware thread.
inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Calls `done` again and again until it returns true or `most` has passed.
template <typename Done>
bool spin(Seconds most, Done done) {
  constexpr int kLooksPerClock = 32;
  const auto looked = [&] {
    for (int i = 0; i < kLooksPerClock; ++i) {
      if (done()) return true;
      relax();
    }
    return false;
  };
  if (looked()) return true;  // mostly, and asking the time takes longer than that
  const auto end = std::chrono::steady_clock::now() + std::chrono::ceil<std::chrono::steady_clock::duration>(most);
  while (std::chrono::steady_clock::now() < end) {
    if (looked()) return true;
  }
  return false;
}

/// Locks a mutex that others hold for less than a microsecond: putting the thread to sleep would take far longer.
inline std::unique_lock<std::mutex> lock_briefly(std::mutex& mutex) {
  std::unique_lock lock(mutex, std::try_to_lock);
  if (!lock && !spin(kBrief, [&] { return lock.try_lock(); })) lock.lock();
  return lock;
}

}  // namespace sparseloom
