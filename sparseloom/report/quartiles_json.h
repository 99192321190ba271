#pragma once

#include "sparseloom/base/json.h"
#include "sparseloom/base/statistics.h"

namespace sparseloom::report {

inline Json quartiles_json(const Quartiles<double>& q) { return {{"median", q.median}, {"q1", q.q1}, {"q3", q.q3}}; }

}  // namespace sparseloom::report
