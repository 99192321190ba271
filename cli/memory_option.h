#pragma once

#include <optional>
#include <string>

#include "sparseloom/base/status.h"
#include "sparseloom/base/units.h"

namespace sparseloom::cli {

/// What --memory says: "20MiB", "1.5GiB", "5242880": bytes, or kibi-, mebi- or gibibytes; empty: no limit.
/// kInvalidArgument says what is allowed.
Result<std::optional<Bytes>> parse_memory(const std::string& text);

}  // namespace sparseloom::cli
