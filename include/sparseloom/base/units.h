#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace sparseloom {

/// Every duration and every point in time since a run's start. Double, so that a simulator reproduces published finish
/// times to the last digit; a real run converts its steady clock to it.
using Seconds = std::chrono::duration<double>;

constexpr Seconds from_ms(double milliseconds) { return Seconds(milliseconds / 1e3); }
constexpr double to_ms(Seconds duration) { return duration.count() * 1e3; }

/// An amount of memory or storage.
struct Bytes {
  std::uint64_t count = 0;

  friend constexpr auto operator<=>(Bytes, Bytes) = default;
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
  constexpr Bytes& operator+=(Bytes other) {
    count += other.count;
    return *this;
  }
};

constexpr double to_mib(Bytes bytes) { return static_cast<double>(bytes.count) / (1024.0 * 1024.0); }

}  // namespace sparseloom
