// First come, first served: the request that arrived first runs first, whichever stage it has reached.
#include "sparseloom/sched/heap_policy.h"
#include "sparseloom/sched/policies.h"

namespace sparseloom::sched {
namespace {

struct ByArrival {
  auto operator()(const ReadyStage& s) const { return std::tuple(s.arrival, s.request); }
};

class Fcfs final : public HeapPolicy<ByArrival> {
 public:
  using HeapPolicy::HeapPolicy;
  std::string_view name() const override { return "fcfs"; }
};

}  // namespace

std::unique_ptr<Policy> make_fcfs(std::size_t queues) { return std::make_unique<Fcfs>(queues); }

}  // namespace sparseloom::sched
