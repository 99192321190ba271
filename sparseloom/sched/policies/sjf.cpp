// Shortest job first: the request with the least time left. Its sparse form (sjf_sparse) estimates that time from the
// variant's own latencies and the sparsity seen so far.
#include <tuple>

#include "sparseloom/sched/policies/heap_policy.h"

namespace sparseloom::sched {
namespace {

struct ByRemaining {
  auto operator()(const ReadyStage& s) const { return std::tuple(s.remaining, s.request); }
};

}  // namespace

std::unique_ptr<Policy> make_sjf(const PolicySpec& spec) { return std::make_unique<HeapPolicy<ByRemaining>>(spec); }

}  // namespace sparseloom::sched
