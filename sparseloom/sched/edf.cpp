// Earliest deadline first: the request whose latency bound ends first runs first. Requests already late keep their
// place; nothing is dropped.
#include "sparseloom/sched/heap_policy.h"
#include "sparseloom/sched/policies.h"

namespace sparseloom::sched {
namespace {

struct ByDeadline {
  auto operator()(const ReadyStage& s) const { return std::tuple(s.deadline, s.arrival, s.request); }
};

class Edf final : public HeapPolicy<ByDeadline> {
 public:
  using HeapPolicy::HeapPolicy;
  std::string_view name() const override { return "edf"; }
};

}  // namespace

std::unique_ptr<Policy> make_edf(std::size_t queues) { return std::make_unique<Edf>(queues); }

}  // namespace sparseloom::sched
