// First come, first served: the request that arrived first runs first, whichever stage it has reached.
#include <tuple>

#include "sparseloom/sched/policies/heap_policy.h"

namespace sparseloom::sched {
namespace {

struct ByArrival {
  auto operator()(const ReadyStage& s) const { return std::tuple(s.arrival, s.request); }
};

}  // namespace

std::unique_ptr<Policy> make_fcfs(const PolicySpec& spec) { return std::make_unique<HeapPolicy<ByArrival>>(spec); }

}  // namespace sparseloom::sched
