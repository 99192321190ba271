#pragma once

#include <filesystem>
#include <optional>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/profile/measure/check.h"
#include "sparseloom/profile/measure/progress.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/zoo/pieces.h"

namespace sparseloom::profile {

struct EnsureOptions {
  std::filesystem::path database;  ///< empty: default_database()
  /// Compiled blobs; empty: default_compile_cache(). Give a Residency the same folder: what was compiled for measuring
  /// then loads from it.
  std::filesystem::path compile_cache;
  /// Fail with kFailedPrecondition when a task's accuracies on the profile split are neither shipped nor measured nor
  /// estimated; those of kind "unknown" need not be.
  bool require_accuracy = true;
  LockOptions lock;  ///< how to wait for another process that measures
  Control control;
};

/// <cache folder>/profiles/<zoo fingerprint>-<soc fingerprint>-v<format version>.sqlite (fingerprints shortened), so
/// that another release's is left alone.
Result<std::filesystem::path> default_database(const zoo::Zoo& zoo, const soc::Soc& soc);
/// <cache folder>/compiled.
Result<std::filesystem::path> default_compile_cache();
/// <cache folder>/pieces/<zoo fingerprint>-<pieces version>: the folder for a PieceStore of this zoo.
Result<std::filesystem::path> default_pieces(const zoo::Zoo& zoo);

/// The profile that plans need: accuracies shipped with the zoo or in the database, latencies and sparsities from the
/// database; what of these is missing for this machine is measured now (about a minute for the demo zoo) and kept.
/// Blocks; when it measures, it pins the calling thread for a while and restores its cores. Errors: those of the zoo's
/// files, the database (another machine's: kFailedPrecondition) and the runtime; kCancelled.
Result<Profile> ensure_profile(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                               zoo::PieceStore& pieces, const EnsureOptions& options = {});

struct CheckedProfile {
  Profile profile;                    ///< corrected by the check, if there was one
  Profile measured;                   ///< as it was measured: what plan files are compared with
  std::optional<ProfileCheck> check;  ///< none: its latencies were measured by this very call
};

/// ensure_profile(), and then a check whether latencies that were measured earlier still fit the machine
/// (check_profile(), a few seconds) and the profile corrected by it: machines move in phases by up to twice.
Result<CheckedProfile> ensure_checked_profile(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                                              zoo::PieceStore& pieces, const EnsureOptions& options = {});

}  // namespace sparseloom::profile
