#pragma once

#include <cstddef>
#include <string>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

struct FeedbackBenchOptions {
  std::string zoo, slo_config = "C3", json;
  double seconds = 4;  ///< of each half: quiet, then with a neighbour
  double load = 0.5;   ///< arrival rate over what the plan can serve at most
  std::size_t repeats = 3;
};

/// sparseloom bench feedback: a thread that spins on the last processor's cores slows it down in mid-run; how many
/// requests are late with and without planning anew, taking turns.
Status bench_feedback(const FeedbackBenchOptions& options);

}  // namespace sparseloom::apps
