#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/sched/request.h"

namespace sparseloom::sched {

/// How the requests of one task arrive.
struct Arrivals {
  enum class Kind { kClosedLoop, kPoisson, kPeriodic, kBursty, kRecorded };
  zoo::TaskId task;
  Kind kind = Kind::kPeriodic;
  std::size_t requests = 0;     ///< how many; 0 = until the duration ends
  double rate_per_s = 0;        ///< Poisson: mean rate; periodic: 1/period; bursty: mean rate within bursts
  Seconds offset{0};            ///< first arrival (periodic), start of the process, or what recorded times count from
  std::size_t outstanding = 1;  ///< closed loop: requests kept in the system
  Seconds burst{0}, gap{0};     ///< bursty: mean length of a burst, and of the time between two
  std::vector<Seconds> recorded{};  ///< recorded: times, in order, at least `requests`
  double priority = 1;              ///< of its requests
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

/// Reads a CSV file with the one column arrival_s: seconds, 0 or more, never falling. Errors: those of CsvReader, and
/// kMalformed with file, line and column.
Result<std::vector<Seconds>> read_recording(const std::filesystem::path& path);

/// Reads a file and parses it; its recordings are files relative to its folder. Besides, kNotFound and kUnavailable.
Result<Workload> load_workload(const std::filesystem::path& path, const zoo::Zoo& zoo);

/// The bounds a workload asks for: the grid's for `slo_config`, replaced by explicit ones. kInvalidArgument for a grid
/// name that does not exist.
Result<plan::SloConfig> workload_slos(const Workload& workload, const std::vector<plan::GridRange>& ranges);

/// One arrival that is known beforehand.
struct Arrival {
  Seconds at{0};
  zoo::TaskId task;
  std::size_t entry = 0;  ///< of Workload::arrivals: whose it is
};

/// All open-loop arrivals (of every kind but the closed loop) in order of time (ties: task order), on a grid of
/// nanoseconds. The same seed gives the same list on every machine. O(n log n).
std::vector<Arrival> open_loop_arrivals(const Workload& workload);

/// These and the requests that closed loops begin with, in order of time (ties: open loop first, then by entry).
std::vector<Arrival> first_arrivals(const Workload& workload);

/// How many requests an entry sends besides, one upon each completion of another while the duration has not ended: none
/// but in a closed loop; the largest number if it goes on until that end.
std::size_t follow_ups(const Arrivals& arrivals);

/// Whether open_loop_arrivals() has an element, without making it. O(entries).
bool any_open_loop_arrival(const Workload& workload);

/// What a planner should expect of a workload: a few draws of its first requests, other ones than those that it will be
/// played with. Requests of closed loops are not in it: they follow from answers. Deterministic.
plan::Load load_of(const Workload& workload);

}  // namespace sparseloom::sched
