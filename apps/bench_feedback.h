#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

/// sparseloom bench feedback: a thread that spins on the last processor's cores slows it down in mid-run; how many
/// requests are late with and without planning anew, taking turns.
struct FeedbackBench {
  CLI::App* command;
  std::function<Status()> run;
};
FeedbackBench add_bench_feedback(CLI::App& bench);

}  // namespace sparseloom::apps
