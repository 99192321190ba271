// Private to apps: `place train-sac`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "sparseloom/base/status.h"

namespace sparseloom::apps {

/// Adds the options of the subcommand; what it returns runs it.
std::function<Status()> add_train_sac(CLI::App& command);

}  // namespace sparseloom::apps
