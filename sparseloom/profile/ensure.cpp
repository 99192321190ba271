#include "sparseloom/profile/ensure.h"

#include "sparseloom/base/file.h"
#include "sparseloom/profile/database.h"
#include "sparseloom/profile/latency.h"
#include "sparseloom/profile/shipped.h"

namespace sparseloom::profile {
namespace {

std::string shortened(const std::string& fingerprint) { return fingerprint.substr(0, 16); }

Status check_accuracy(const zoo::Zoo& zoo, const Profile& profile, const std::vector<Shipped>& shipped) {
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const TaskProfile& task = profile.tasks[t];
    for (std::size_t i = 0; i < task.stitched(); ++i) {
      const zoo::Sigma sigma = task.sigma_at(i);
      if (task.accuracy(sigma).samples > 0) continue;
      return error(Code::kFailedPrecondition,
                   "task '{}': no accuracy for {} ({}); measure it with: sparseloom profile --zoo {} --accuracy",
                   zoo.tasks[t].name, zoo::describe(zoo.tasks[t], sigma),
                   shipped[t] == Shipped::kStale ? "its accuracy.csv is of other models" : "the zoo ships none",
                   zoo.root.string());
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
  return folder / "pieces" / shortened(zoo.fingerprint);
}

Result<Profile> ensure_profile(const zoo::Zoo& zoo, const soc::Soc& soc, const backend::Runtime& runtime,
                               zoo::PieceStore& pieces, const EnsureOptions& options) {
  std::filesystem::path path = options.database;
  if (path.empty()) {
    SL_ASSIGN_OR_RETURN(path, default_database(zoo, soc));
  }
  Profile profile = empty_profile(zoo, soc);
  SL_ASSIGN_OR_RETURN(Database database, Database::open(path, zoo, soc));
  SL_RETURN_IF_ERROR(database.read(profile));
  std::vector<Shipped> shipped;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    SL_ASSIGN_OR_RETURN(const Shipped one, load_shipped(zoo, zoo::TaskId(t), profile.tasks[t]));
    shipped.push_back(one);
  }
  if (options.require_accuracy) SL_RETURN_IF_ERROR(check_accuracy(zoo, profile, shipped));

  LatencyOptions latency;
  latency.control = options.control;
  latency.compile_cache = options.compile_cache;
  if (latency.compile_cache.empty()) {
    SL_ASSIGN_OR_RETURN(latency.compile_cache, default_compile_cache());
  }
  SL_ASSIGN_OR_RETURN(const auto cache, cache_folder());
  latency.mapped_folders = {zoo.root, cache, latency.compile_cache};
  SL_RETURN_IF_ERROR(measure_latencies(zoo, soc, runtime, pieces, profile, latency,
                                       [&](std::span<const LatencyEntry> entries) { return database.write(entries); }));
  SL_RETURN_IF_ERROR(database.read(profile));
  return profile;
}

}  // namespace sparseloom::profile
