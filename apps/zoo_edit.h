#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

/// Adds `init`, `add` and `remove` to the command `zoo`; what they do if one of them was given, else nothing to call.
std::function<std::function<Status()>()> add_zoo_editing(CLI::App& zoo);

}  // namespace sparseloom::apps
