#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/base/scratch_folder.h"
#include "sparseloom/base/status.h"
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/sched/trace.h"
#include "sparseloom/soc/soc.h"
#include "sparseloom/soc/soc_file.h"
#include "sparseloom/zoo/pieces.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::cli {

/// What most commands stand on: a zoo, the processors of this or a modelled machine, and a runtime. Not movable: its
/// parts refer to each other.
struct Setup {
  std::unique_ptr<backend::Runtime> runtime;
  zoo::Zoo zoo;
  soc::Soc soc;
  std::optional<soc::SocFile> soc_file;  ///< if the machine is modelled: what describes it
  std::unique_ptr<zoo::PieceStore> pieces;
  std::filesystem::path compile_cache;
  std::optional<ScratchFolder> scratch;  ///< holds the caches where the cache folder cannot be written
};

/// Loads the zoo at `path`. Errors: those of zoo::load_zoo, with what the user may do about a demo zoo that is not
/// unpacked.
Result<zoo::Zoo> load_zoo(const std::filesystem::path& path);

/// Loads the zoo at `zoo_path` and opens the caches; one that cannot be written is a warning, and the work goes on with
/// one that is gone at the end. The processors are the host's, or those of the modelled machine
/// that `soc` names (as --soc does) if it is not empty; the host's gangs offer provider hybrid too if `hybrid` is set.
Result<std::unique_ptr<Setup>> make_setup(const std::filesystem::path& zoo_path, const std::string& soc = {},
                                          bool hybrid = false);

/// The profile that plans need: of this machine with what is missing measured now, of a modelled one as modelled.
Result<profile::Profile> read_profile(const Setup& setup);

/// The same for commands that serve, which plan for the machine as it is now: checked and corrected where it was not
/// measured by this very call, as measured if `check` is false. `who` is what others are told that wait meanwhile.
Result<profile::CheckedProfile> read_checked_profile(const Setup& setup, bool check, std::string who);

/// What --no-check does, for its help.
inline constexpr const char* kNoCheckHelp =
    "go by the profile as it was measured, without checking first how fast the machine is now";

/// The machine that --soc names: a file, or the name of one in socs/ below the first of data_folders() that has it.
/// kInvalidArgument lists the names; else the errors of soc::load_soc.
Result<soc::SocFile> find_soc(const std::string& soc);

/// The file that describes the shipped predictor of this name: NAME.json in predictors/ below the first of
/// data_folders() that has it. kNotFound.
Result<std::filesystem::path> find_predictor(std::string_view name);

/// kInvalidArgument if --soc was given to `command`, which runs models.
Status refuse_modelled(std::string_view command, const std::string& soc);

/// What --soc does, for its help.
inline constexpr const char* kSocHelp =
    "predict for this modelled machine instead of the one at hand: a file (docs/soc-format.md) or a name in socs/";

/// Providers by their names. kInvalidArgument names `option` and what is allowed.
Result<std::vector<backend::Provider>> parse_providers(std::string_view option, const std::vector<std::string>& names);

/// What --provider does, for its help.
std::string provider_help();
inline constexpr std::string_view kNoGangsHelp = "plan without gangs: every stage on one processor";

/// What --hybrid does, for its help.
inline constexpr std::string_view kHybridHelp =
    "gangs may also divide a stage's operators between their members (provider hybrid), where that was measured faster";

/// What plans may use of a machine: those of `providers` (none: all) that it offers, and gangs if they are not
/// `without_gangs`. Errors: those of soc::confined().
Result<soc::Soc> soc_for_plans(const soc::Soc& soc, std::span<const backend::Provider> providers, bool without_gangs);

/// The zoo folder that --zoo stands for when it is not given: zoos/demo below the first of data_folders() that has it.
std::filesystem::path default_zoo();

/// The file `path` that `option` names can be written: found out before minutes of work rather than after them. Tries
/// by a file beside it, which it removes again; a device or a pipe is left alone; no path, nothing to write.
/// kUnavailable: a folder, or no file can be made there.
Status check_writable(std::string_view option, const std::string& path);

/// Writes a trace to the file `path` and says on standard output where it is, and what it had no room for. Errors:
/// those of write_file.
Status write_trace(const std::string& path, const sched::TraceSink& trace, const sched::TraceNames& names);

/// On standard output.
void say_where_the_trace_is(const std::string& path);

/// Set when the user presses Ctrl-C or the process is asked to end (SIGINT, SIGTERM): finish what runs and print the
/// summary. A second signal ends the process at once. Installs the handlers when first called.
const std::atomic<bool>& interrupted();

/// kCancelled if interrupted() is set.
Status cancelled_if_interrupted();

/// A progress line for people on standard error: redrawn in place on a terminal, else a plain line every few seconds.
profile::OnProgress progress_line();

}  // namespace sparseloom::cli
