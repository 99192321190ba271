#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/json.h"
#include "sparseloom/base/status.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::sched {

/// How the requests of one task arrive.
struct Arrivals {
  enum class Kind { kClosedLoop, kPoisson, kPeriodic };
  zoo::TaskId task;
  Kind kind = Kind::kPeriodic;
  std::size_t requests = 0;     ///< how many; 0 = until the duration ends
  double rate_per_s = 0;        ///< Poisson: mean rate; periodic: 1/period
  Seconds offset{0};            ///< first arrival (periodic) or start of the process
  std::size_t outstanding = 1;  ///< closed loop: requests kept in the system
};

/// A workload file: which tasks are asked how often, under which SLOs, planner and policy.
struct Workload {
  std::string name;
  std::string slo_config = "C5";               ///< a grid name; or explicit bounds below
  std::vector<std::optional<plan::Slo>> slos;  ///< by task; a task's explicit bounds replace the grid's
  std::string planner = "sparseloom";
  std::string policy = "edf";
  std::uint64_t seed = 0;
  std::optional<Seconds> duration;
  std::vector<Arrivals> arrivals;
};

/// Most requests that one workload may schedule; more is an error rather than a machine out of memory.
constexpr std::size_t kMostRequests = 10'000'000;

/// Format: docs/workload-format.md. Errors give file, path inside it, what arrived, what is allowed: unknown task,
/// planner, policy or key, zero requests, no end (neither requests nor duration), negative rate. kMalformed.
Result<Workload> parse_workload(const Json& json, const zoo::Zoo& zoo, const std::string& where);

/// Reads a file and parses it. Besides, kNotFound and kUnavailable.
Result<Workload> load_workload(const std::filesystem::path& path, const zoo::Zoo& zoo);

/// The bounds a workload asks for: the grid's for `slo_config`, replaced by explicit ones. kInvalidArgument for a grid
/// name that does not exist.
Result<plan::SloConfig> workload_slos(const Workload& workload, const std::vector<plan::GridRange>& ranges);

/// One scheduled (open-loop) arrival.
struct Arrival {
  Seconds at{0};
  zoo::TaskId task;
};

/// All open-loop (Poisson and periodic) arrivals in order of time (ties: task order), on a grid of nanoseconds. The
/// same seed gives the same list on every machine. O(n log n).
std::vector<Arrival> open_loop_arrivals(const Workload& workload);

/// Whether that list has an element, without making it. O(entries).
bool any_open_loop_arrival(const Workload& workload);

}  // namespace sparseloom::sched
