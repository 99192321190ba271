#pragma once

#include <string>

#include "sparseloom/base/json.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/profile/measure/check.h"

namespace sparseloom::report {

/// How many latencies of `profile` are disturbed(), and how to measure them again: a line for people, wherever
/// something is planned by them; empty if none is.
std::string disturbed_note(const profile::Profile& profile);

/// Whether the latency of any stage that `plan` runs is disturbed().
bool rests_on_disturbed(const profile::TaskProfile& profile, const plan::TaskPlan& plan);

/// A latency in a table: "~1.23" if it is disturbed().
std::string marked_ms(Seconds latency, bool disturbed, int digits = 2);
/// What the mark means, below a table that holds one; else empty.
std::string mark_legend(const std::string& table);

/// "this machine is 1.40x slower than profiled (quartiles 1.30 .. 1.50), measured on 12 subgraphs".
std::string describe(const profile::ProfileCheck& check);
/// {machine, fits, ratio: {median, q1, q3}, subgraphs, disturbed, processors: [{processor, ratio}]}: times now over
/// times profiled.
Json check_json(const soc::Soc& soc, const profile::ProfileCheck& check);

}  // namespace sparseloom::report
