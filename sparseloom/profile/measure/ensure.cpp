#include "sparseloom/profile/measure/ensure.h"

#include "sparseloom/base/file.h"
#include "sparseloom/profile/measure/measure.h"
#include "sparseloom/profile/store/database.h"

namespace sparseloom::profile {
namespace {

// Raise whenever cutting makes other pieces of the same model: cached pieces of older rules are then not used.
constexpr int kPiecesVersion = 3;

std::string shortened(const std::string& fingerprint) { return fingerprint.substr(0, 16); }

Result<Measured> ensure(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                        zoo::PieceStore& pieces, const EnsureOptions& options) {
  MeasureOptions measuring;
  measuring.database = options.database;
  measuring.compile_cache = options.compile_cache;
  measuring.control = options.control;
  measuring.lock = options.lock;
  measuring.use_shipped = options.require_accuracy;
  measuring.require_accuracy = options.require_accuracy;
  return measure(zoo, soc, runtime, pieces, measuring);
}

}  // namespace

Result<std::filesystem::path> default_database(const zoo::Zoo& zoo, const soc::Soc& soc) {
  SL_ASSIGN_OR_RETURN(const auto folder, cache_folder());
  return folder / "profiles" /
         fmt::format("{}-{}-v{}.sqlite", shortened(zoo.fingerprint), soc.fingerprint, kDatabaseVersion);
}

Result<std::filesystem::path> default_compile_cache() {
  SL_ASSIGN_OR_RETURN(const auto folder, cache_folder());
  return folder / "compiled";
}

Result<std::filesystem::path> default_pieces(const zoo::Zoo& zoo) {
  SL_ASSIGN_OR_RETURN(const auto folder, cache_folder());
  return folder / "pieces" / fmt::format("{}-{}", shortened(zoo.fingerprint), kPiecesVersion);
}

Result<Profile> ensure_profile(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                               zoo::PieceStore& pieces, const EnsureOptions& options) {
  SL_ASSIGN_OR_RETURN(Measured measured, ensure(zoo, soc, runtime, pieces, options));
  return std::move(measured.profile);
}

Result<CheckedProfile> ensure_checked_profile(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                                              zoo::PieceStore& pieces, const EnsureOptions& options) {
  SL_ASSIGN_OR_RETURN(Measured measured, ensure(zoo, soc, runtime, pieces, options));
  CheckedProfile checked{measured.profile, std::move(measured.profile), std::nullopt};
  if (measured.latencies > 0) return checked;
  std::filesystem::path cache = options.compile_cache;
  if (cache.empty()) {
    SL_ASSIGN_OR_RETURN(cache, default_compile_cache());
  }
  SL_ASSIGN_OR_RETURN(checked.check,
                      check_profile(zoo, soc, runtime, pieces, checked.profile,
                                    {.compile_cache = cache, .lock = options.lock, .control = options.control}));
  checked.profile = corrected(checked.profile, *checked.check);
  return checked;
}

}  // namespace sparseloom::profile
