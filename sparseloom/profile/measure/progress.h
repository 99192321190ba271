#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <string>

#include "sparseloom/base/units.h"

namespace sparseloom::profile {

/// How far a measurement has come.
struct Progress {
  std::string what;      ///< "latency", "accuracy of image on profile"
  std::size_t done = 0;  ///< units of work finished, of `total`
  std::size_t total = 0;
  Seconds elapsed{0};     ///< since this measurement began
  double per_second = 0;  ///< rate, in what `unit` says; 0 while unknown
  std::string unit;       ///< "subgraph runs", "samples x subgraphs"
  /// Time left at the rate so far; 0 while unknown.
  Seconds left{0};
};

/// Called from the measuring thread, at most a few times a second. Must be quick.
using OnProgress = std::function<void(const Progress&)>;

/// What every measurement takes besides its subject.
struct Control {
  OnProgress on_progress;                   ///< may be empty
  const std::atomic<bool>* stop = nullptr;  ///< set by the caller to stop early (kCancelled); may be null

  bool stopped() const { return stop != nullptr && stop->load(std::memory_order_relaxed); }
};

}  // namespace sparseloom::profile
