#pragma once

#include <string>

#include "sparseloom/profile/profile.h"

namespace sparseloom::eval {

/// 32 hexadecimal digits that differ between profiles which differ in anything that plans, simulations or reports ask
/// about: latencies, bytes, sparsities, accuracies and their estimates, transfers, contention. O(entries); the same for
/// equal profiles on every machine of one byte order.
std::string profile_digest(const profile::Profile& profile);

}  // namespace sparseloom::eval
