#pragma once

#include <string>
#include <vector>

#include "sparseloom/eval/profiling.h"

namespace sparseloom::report {

/// What profiling costs on one machine by the number of variants, exhaustively and with the estimator, and what its
/// estimates are worth where it was run, for a terminal. `rows` by variants and task, as eval::profiling_rows().
std::string profiling_text(const std::vector<eval::ProfilingRow>& rows);

/// The same with charts, for a page.
std::string profiling_html(const std::vector<eval::ProfilingRow>& rows);

}  // namespace sparseloom::report
