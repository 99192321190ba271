#pragma once

#include "sparseloom/base/json.h"
#include "sparseloom/simulate/metrics.h"

namespace sparseloom::report {

inline Json latency_json(const simulate::Metrics& m) {
  return {{"p50", to_ms(m.p50)}, {"p95", to_ms(m.p95)}, {"p99", to_ms(m.p99)}};
}

}  // namespace sparseloom::report
