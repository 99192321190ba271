// Private to profile: the tensors between a task's stages, with data in them, for timing single stages.
#pragma once

#include <filesystem>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/zoo/boundaries.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

/// Boundaries that hold what the dense variant, compiled with `compile_cache` (empty: none), passes on for the first
/// profile sample or, of a task without samples, for made-up inputs of the right types. Timed runs overwrite it with
/// what other variants pass on for the same input.
Result<zoo::Boundaries> fill_boundaries(const zoo::Zoo& zoo, const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                        zoo::TaskId task, const std::filesystem::path& compile_cache);

}  // namespace sparseloom::profile
