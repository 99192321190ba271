#include "sparseloom/place/learned/policy.h"
#include "sparseloom/place/placers.h"

namespace sparseloom::place {

Result<Placed> place_by_sac(const CostTable& table, const PlacerOptions& options) {
  if (options.sac_policy == nullptr) return error(Code::kFailedPrecondition, "needs a trained policy; none was given");
  if (options.sac_policy->model != options.model) {
    return error(Code::kFailedPrecondition, "the policy is for the cost model '{}', not for '{}'",
                 name_of(options.sac_policy->model), name_of(options.model));
  }
  SL_ASSIGN_OR_RETURN(Decision decision, decide(table, *options.sac_policy));
  return std::move(decision.placed);
}

}  // namespace sparseloom::place
