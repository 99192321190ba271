#pragma once

#include <string>

#include "sparseloom/base/json.h"
#include "sparseloom/plan/slo.h"

namespace sparseloom::plan {

/// Bounds of a user's own, for every task of the zoo; without "accuracy" a task has a latency bound alone, and without
/// "latency_ms" its latency is left 0, to be filled in from proposed_slos():
///
///     {"format_version": 1, "slos": [{"task": "image", "accuracy": 0.9, "latency_ms": 4}, ...]}
///
/// `where` names the file in messages, and the configuration. kMalformed says where, what arrived, what is allowed.
Result<SloConfig> parse_slos(const Json& json, const zoo::Zoo& zoo, const std::string& where);

}  // namespace sparseloom::plan
