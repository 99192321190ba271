// Private to profile: what moving tensors between the host's memory and a device's takes.
#pragma once

#include <filesystem>
#include <optional>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/store/database.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

/// What copying a tensor between the host's memory and a device's takes.
struct CopyTimes {
  Seconds latency{0};           ///< of a small one
  double seconds_per_byte = 0;  ///< what each byte adds
};
/// The mean of both directions' medians. Errors: those of Executable::new_tensor().
Result<CopyTimes> time_copies(backend::Executable& executable);

/// Whether tensors can lie in several memories there, and the profile does not know what moving them takes.
bool lacks_transfers(const soc::Soc& soc, const Profile& profile);

/// Copies a small and a large tensor to a device and back, in turn, and takes the mean of both directions' medians:
/// what a copy takes at least, and what it takes more per byte. Of several devices the slowest. None where runtimes
/// copy inside their runs, whose times have it. Also sums up what every stage hands on.
Result<std::optional<TransferTimes>> measure_transfers(const zoo::Zoo& zoo, const soc::Soc& soc,
                                                       const backend::Runtime& runtime, zoo::PieceStore& pieces,
                                                       const Profile& profile,
                                                       const std::filesystem::path& compile_cache);

}  // namespace sparseloom::profile
