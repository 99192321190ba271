#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/sched/workload.h"

namespace sparseloom::sched {

/// Gives the times of a recording by the name that a workload calls its file; in order, at least one.
using ReadRecording = std::function<Result<std::vector<Seconds>>(const std::string& file)>;

/// Format: docs/workload-format.md. Errors give file, path inside it, what arrived, what is allowed: unknown task,
/// planner, policy or key, zero requests, no end (neither requests nor duration), negative rate. kMalformed; and what
/// `read` says.
Result<Workload> parse_workload(const Json& json, const zoo::Zoo& zoo, const std::string& where,
                                const ReadRecording& read);

}  // namespace sparseloom::sched
