#pragma once

#include <functional>
#include <span>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/store/database.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

struct SparsityOptions {
  std::vector<zoo::TaskId> tasks;       ///< empty: all
  std::size_t samples = 32;             ///< at most, spread evenly over the profile split
  std::filesystem::path compile_cache;  ///< empty: compiled blobs are not kept
  Control control;
};

/// Takes a variant's finished measurements (one batch). A failure ends the measurement.
using OnSparsities = std::function<Status(std::span<const SparsityEntry>)>;

/// Whether `profile` lacks any sparsity that measure_sparsities() would measure with these options.
bool lacks_sparsities(const zoo::Zoo& zoo, const Profile& profile, const SparsityOptions& options);

/// Runs every variant of which `profile` lacks the sparsity of some stage output, all stages being its own, and
/// hands over what the sparsity monitor would see of each stage but the last: the mean over samples. Tasks without
/// samples are left out. What is written
/// depends on no processor, so the first one's provider is taken, on the calling thread, wherever that runs.
Status measure_sparsities(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                          zoo::PieceStore& pieces, const Profile& profile, const SparsityOptions& options,
                          const OnSparsities& on_sparsities);

}  // namespace sparseloom::profile
