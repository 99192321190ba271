#pragma once

#include <random>

namespace sparseloom {

/// An even draw from (0, 1), the same on every machine: the standard fixes the generator's output but not what its
/// distributions make of it.
inline double uniform(std::mt19937_64& bits) { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; }

}  // namespace sparseloom
