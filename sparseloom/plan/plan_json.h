#pragma once

#include "sparseloom/base/json.h"
#include "sparseloom/plan/plan_file.h"

namespace sparseloom::plan {

/// Requests per second that the busiest processor allows.
double throughput_qps(const Plan& plan);

/// The keys that a plan file and the document of `plan --json` begin with: planner, slo_config, optimal, gap, plan_ms
/// (null if not known), throughput_qps, resident_bytes.
Json summary_json(const PlanFile& file, Bytes resident);

}  // namespace sparseloom::plan
