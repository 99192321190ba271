#pragma once

#include <string>

#include "sparseloom/profile/profile.h"

namespace sparseloom::profile {

/// What a digest is of.
enum class Covers {
  kPlans,       ///< what planners read: medians, bytes, sparsities, accuracies and their estimates, transfers, and what
                ///< idling costs
  kEverything,  ///< and what simulations and reports ask about besides: quartiles, counts, accuracies on the test
                ///< split, all of contention
};

/// 32 hexadecimal digits that differ between profiles which differ in anything covered. O(entries); the same for equal
/// profiles on every machine of one byte order.
std::string profile_digest(const Profile& profile, Covers covers);

}  // namespace sparseloom::profile
