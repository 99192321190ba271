#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

/// `soc check`: measures this machine's rates as a SoC file would give them, models the zoo with them, and prints the
/// modelled beside the measured latencies.
std::function<Status()> add_soc_check(CLI::App& command);

}  // namespace sparseloom::apps
