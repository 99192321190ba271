// Private to plan.
#pragma once

#include <limits>

namespace sparseloom::plan {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace sparseloom::plan
