#include "cli/setup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "cli/data.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/names.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/profile/analytical/modelled.h"
#include "sparseloom/soc/discover.h"

namespace sparseloom::cli {
namespace {

std::atomic<bool> g_interrupted{false};  // the one thing a signal handler may touch
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int number) {
  g_interrupted.store(true);
  std::signal(number, SIG_DFL);
}

std::string as_duration(Seconds duration) {
  const long seconds = std::lround(duration.count());
  return seconds < 60 ? fmt::format("{} s", seconds) : fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
}

std::string bar(const profile::Progress& progress) {
  constexpr std::size_t kWidth = 24;
  const std::size_t filled = kWidth * progress.done / progress.total;
  return fmt::format("[{:#<{}}{:.<{}}]", "", filled, "", kWidth - filled);
}

std::string line_of(const profile::Progress& progress) {
  if (progress.total == 0) return progress.what;
  std::string line = fmt::format("{} {} {}/{}", progress.what, bar(progress), progress.done, progress.total);
  if (progress.per_second > 0) line += fmt::format(", {:.0f} {}/s", progress.per_second, progress.unit);
  if (progress.left > Seconds(0)) line += ", " + as_duration(progress.left) + " left";
  return line;
}

// The same failure with what a user of the command line may do about it.
Status advised(const Status& status, std::string_view advice) {
  return status.ok() ? status : Status(status.code(), fmt::format("{} ({})", status.message(), advice));
}

Status open_caches(Setup& setup) {
  SL_ASSIGN_OR_RETURN(std::filesystem::path pieces, profile::default_pieces(setup.zoo));
  SL_ASSIGN_OR_RETURN(setup.compile_cache, profile::default_compile_cache());
  SL_ASSIGN_OR_RETURN(const std::filesystem::path folder, cache_folder());
  if (const Status status = check_folder(folder); !status.ok()) {
    fmt::print(stderr, "sparseloom: warning: {}; what is cut and compiled is not kept\n", printable(status.message()));
    SL_ASSIGN_OR_RETURN(setup.scratch, ScratchFolder::make());
    pieces = setup.scratch->path() / "pieces";
    setup.compile_cache = setup.scratch->path() / "compiled";
  }
  setup.pieces = std::make_unique<zoo::PieceStore>(setup.zoo, *setup.runtime, pieces);
  return {};
}

constexpr std::string_view kEnsureAdvice = "see sparseloom profile --accuracy and --mode estimate";

template <typename T>
Result<T> with_advice(Result<T> result, std::string_view advice) {
  if (result.status().code() != Code::kFailedPrecondition) return result;
  return advised(result.status(), advice);
}

profile::EnsureOptions ensure_options(const Setup& setup) {
  profile::EnsureOptions ensure;
  ensure.compile_cache = setup.compile_cache;
  ensure.control = {.on_progress = progress_line(), .stop = &interrupted()};
  return ensure;
}

}  // namespace

Result<zoo::Zoo> load_zoo(const std::filesystem::path& path) {
  auto zoo = zoo::load_zoo(path);
  std::error_code ignored;
  const bool is_demo = std::filesystem::equivalent(path, default_zoo(), ignored);
  if (zoo.status().code() == Code::kNotFound && is_demo) {
    return advised(zoo.status(), "make zoo-data unpacks and fetches its files");
  }
  return zoo;
}

Result<std::unique_ptr<Setup>> make_setup(const std::filesystem::path& zoo_path, const std::string& soc, bool hybrid) {
  auto setup = std::make_unique<Setup>();
  if (!soc.empty()) {
    SL_ASSIGN_OR_RETURN(setup->soc_file, find_soc(soc));
    setup->soc = setup->soc_file->soc;
  }
  SL_ASSIGN_OR_RETURN(setup->runtime, backend::make_runtime("auto"));
  SL_ASSIGN_OR_RETURN(setup->zoo, load_zoo(zoo_path));
  if (!setup->soc_file) {
    SL_ASSIGN_OR_RETURN(setup->soc, soc::discover(*setup->runtime));
    if (hybrid) setup->soc = soc::with_hybrid(setup->soc);
  }
  zoo::take_out_what_nothing_runs(setup->zoo, soc::offered_providers(setup->soc));
  SL_RETURN_IF_ERROR(open_caches(*setup));
  return setup;
}

Result<profile::Profile> read_profile(const Setup& setup) {
  if (setup.soc_file) {
    return with_advice(profile::model_profile(setup.zoo, *setup.soc_file, *setup.runtime, *setup.pieces),
                       "see sparseloom profile --export-accuracy and --export-latency");
  }
  return with_advice(
      profile::ensure_profile(setup.zoo, setup.soc, *setup.runtime, *setup.pieces, ensure_options(setup)),
      kEnsureAdvice);
}

Result<profile::CheckedProfile> read_checked_profile(const Setup& setup, bool check, std::string who) {
  if (!check || setup.soc_file) {
    SL_ASSIGN_OR_RETURN(profile::Profile profile, read_profile(setup));
    return profile::CheckedProfile{profile, profile, std::nullopt};
  }
  profile::EnsureOptions ensure = ensure_options(setup);
  ensure.lock.who = std::move(who);
  return with_advice(profile::ensure_checked_profile(setup.zoo, setup.soc, *setup.runtime, *setup.pieces, ensure),
                     kEnsureAdvice);
}

Result<soc::SocFile> find_soc(const std::string& soc) {
  const std::filesystem::path given(soc);
  if (given.has_parent_path() || given.extension() == ".json") return soc::load_soc(given);
  std::vector<std::string> names;
  for (const std::filesystem::path& folder : data_folders()) {
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(folder / "socs", none)) {
      if (entry.path().extension() != ".json") continue;
      if (entry.path().stem() == soc) return soc::load_soc(entry.path());
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  names.emplace_back("a .json file");
  return unknown_name("--soc", soc, names);
}

Result<std::filesystem::path> find_predictor(std::string_view name) {
  const std::filesystem::path file = std::filesystem::path("predictors") / fmt::format("{}.json", name);
  for (const std::filesystem::path& folder : data_folders()) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / file, ignored)) return folder / file;
  }
  return error(Code::kNotFound, "{}: not found; SPARSELOOM_DATA_DIR names the folder that holds it", file.string());
}

Status refuse_modelled(std::string_view command, const std::string& soc) {
  if (soc.empty()) return {};
  return error(Code::kInvalidArgument,
               "{}: --soc {}: a modelled machine runs no models; plan and simulate --workload predict for it", command,
               soc);
}

Result<std::vector<backend::Provider>> parse_providers(std::string_view option, const std::vector<std::string>& names) {
  std::vector<backend::Provider> providers;
  for (const std::string& name : names) {
    const auto provider = backend::find_provider(name);
    if (!provider.ok()) return provider.status().with_context(option);
    providers.push_back(*provider);
  }
  return providers;
}

Result<soc::Soc> soc_for_plans(const soc::Soc& soc, std::span<const backend::Provider> providers, bool without_gangs) {
  return soc::confined(without_gangs ? soc::without_gangs(soc) : soc, providers);
}

std::string provider_help() {
  std::vector<std::string_view> names;
  for (const backend::Provider provider : backend::user_providers()) names.push_back(backend::provider_name(provider));
  return fmt::format("plan with this provider alone: {}; may be repeated (default: all that the processors offer)",
                     fmt::join(names, ", "));
}

std::filesystem::path default_zoo() {
  std::filesystem::path demo = "zoos/demo";
  for (const std::filesystem::path& folder : data_folders()) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / demo, ignored)) return folder / demo;
  }
  return demo;
}

Status check_writable(std::string_view option, const std::string& path) {
  if (path.empty()) return {};
  std::error_code ignored;
  const std::filesystem::file_status existing = std::filesystem::status(path, ignored);
  if (std::filesystem::is_directory(existing)) {
    return error(Code::kUnavailable, "{} {}: is a folder; a file is needed", option, path);
  }
  if (std::filesystem::exists(existing) && !std::filesystem::is_regular_file(existing)) return {};
  std::string probe = (std::filesystem::path(path).parent_path() / ".sparseloom-XXXXXX").string();
  const int file = ::mkstemp(probe.data());
  if (file < 0) return error(Code::kUnavailable, "{} {}: cannot be written: {}", option, path, std::strerror(errno));
  ::close(file);
  ::unlink(probe.c_str());
  return {};
}

void say_where_the_trace_is(const std::string& path) {
  fmt::print("Trace: {} (open it in ui.perfetto.dev or chrome://tracing)\n", path);
}

Status write_trace(const std::string& path, const sched::TraceSink& trace, const sched::TraceNames& names) {
  SL_RETURN_IF_ERROR(write_file(path, trace.to_json(names).dump() + "\n"));
  say_where_the_trace_is(path);
  if (trace.dropped() > 0) fmt::print("The trace was full: {} stages are not in it\n", trace.dropped());
  return {};
}

const std::atomic<bool>& interrupted() {
  static const bool installed = [] {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    return true;
  }();
  static_cast<void>(installed);
  return g_interrupted;
}

Status cancelled_if_interrupted() {
  return interrupted().load() ? error(Code::kCancelled, "stopped by the user") : Status();
}

profile::OnProgress progress_line() {
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  return [terminal, last = Seconds(-10)](const profile::Progress& progress) mutable {
    constexpr Seconds kBetweenPlainLines{5};
    const bool finished = progress.done == progress.total;
    if (terminal) {
      fmt::print(stderr, "\r\x1b[K{}{}", line_of(progress), finished ? "\n" : "");
    } else if (finished || progress.elapsed - last >= kBetweenPlainLines || progress.elapsed < last) {
      fmt::print(stderr, "{}\n", line_of(progress));
      last = progress.elapsed;
    }
    std::fflush(stderr);
  };
}

}  // namespace sparseloom::cli
