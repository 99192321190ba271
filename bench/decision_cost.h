#pragma once

#include <string_view>

#include "sparseloom/base/statistics.h"
#include "sparseloom/simulate/benchmark.h"

namespace sparseloom::bench {

/// What a decision of a policy costs, by the steady clock, while `waiting` stages wait: taking out the next stage and
/// putting in its request's next one, or a new request once it has finished. Requests are made over the benchmark's
/// traces as Generator makes them, in an overload in which old ones stay. Seconds, over batches of decisions.
/// kInvalidArgument: an unknown policy.
Result<Quartiles<double>> measure_decision_cost(const simulate::Benchmark& benchmark, std::string_view policy,
                                                std::size_t waiting);

/// How often `approximate` would have run what `exact` ran: requests are played under `exact`, and at every decision
/// the other one chooses among the same ready stages. A share, 0..1.
Result<double> decision_agreement(simulate::Benchmark& benchmark, std::string_view exact, std::string_view approximate,
                                  simulate::RequestSource& requests);

}  // namespace sparseloom::bench
