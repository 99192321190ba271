// Earliest deadline first: the request whose latency bound ends first runs first; of equal ones the first that came.
// Requests already late keep their place; nothing is dropped.
#include <tuple>

#include "sparseloom/sched/policies/heap_policy.h"

namespace sparseloom::sched {
namespace {

struct ByDeadline {
  auto operator()(const ReadyStage& s) const { return std::tuple(s.deadline, s.arrival, s.request); }
};

}  // namespace

std::unique_ptr<Policy> make_edf(const PolicySpec& spec) { return std::make_unique<HeapPolicy<ByDeadline>>(spec); }

}  // namespace sparseloom::sched
