#include "sparseloom/profile/measure/ensure.h"

#include "sparseloom/base/file.h"
#include "sparseloom/profile/measure/measure.h"

namespace sparseloom::profile {
namespace {

// Raise whenever cutting makes other pieces of the same model: cached pieces of older rules are then not used.
constexpr int kPiecesVersion = 3;

std::string shortened(const std::string& fingerprint) { return fingerprint.substr(0, 16); }

Status check_accuracy(const zoo::Zoo& zoo, const Profile& profile, const std::vector<Shipped>& shipped) {
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const TaskProfile& task = profile.tasks[t];
    for (std::size_t i = 0; i < task.stitched(); ++i) {
      const zoo::Sigma sigma = task.sigma_at(i);
      if (task.accuracy(sigma).samples > 0 || task.accuracy_estimate(sigma)) continue;
      return error(Code::kFailedPrecondition, "task '{}': no accuracy for {} ({}); measure it first", zoo.tasks[t].name,
                   zoo::describe(zoo.tasks[t], sigma),
                   shipped[t] == Shipped::kStale ? "its accuracy.csv is of other models" : "the zoo ships none");
    }
  }
  return {};
}

}  // namespace

Result<std::filesystem::path> default_database(const zoo::Zoo& zoo, const soc::Soc& soc) {
  SL_ASSIGN_OR_RETURN(const auto folder, cache_folder());
  return folder / "profiles" / fmt::format("{}-{}.sqlite", shortened(zoo.fingerprint), soc.fingerprint);
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
  MeasureOptions measuring;
  measuring.database = options.database;
  measuring.compile_cache = options.compile_cache;
  measuring.control = options.control;
  measuring.use_shipped = options.require_accuracy;
  measuring.latency = !options.require_accuracy;  // first see that planning will be possible at all
  SL_ASSIGN_OR_RETURN(Measured measured, measure(zoo, soc, runtime, pieces, measuring));
  if (!options.require_accuracy) return std::move(measured.profile);
  SL_RETURN_IF_ERROR(check_accuracy(zoo, measured.profile, measured.shipped));
  measuring.latency = true;
  SL_ASSIGN_OR_RETURN(measured, measure(zoo, soc, runtime, pieces, measuring));
  return std::move(measured.profile);
}

}  // namespace sparseloom::profile
