#pragma once

#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// `zoo` as if every task had only its first `count` variants (dense first), or all it has if those are fewer. Ids of
/// variants stay what they are, so that pieces of the whole zoo serve.
zoo::Zoo first_variants(zoo::Zoo zoo, std::size_t count);

/// What `profile` holds of latencies and accuracies of a task's first `count` variants; count ≤ variants().
TaskProfile first_variants(const TaskProfile& profile, std::size_t count);

}  // namespace sparseloom::profile
