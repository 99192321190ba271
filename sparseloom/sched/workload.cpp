#include "sparseloom/sched/workload.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sparseloom/base/csv.h"
#include "sparseloom/base/inside.h"
#include "sparseloom/base/names.h"
#include "sparseloom/plan/planner.h"
#include "sparseloom/plan/read_tasks.h"
#include "sparseloom/sched/policy.h"
#include "sparseloom/sched/workload_file.h"

namespace sparseloom::sched {
namespace {

constexpr double kMostSeconds = 1e6;
constexpr double kMostPerSecond = 1e6;
constexpr double kLeastPerSecond = 1e-6;
constexpr double kLeastPerBurst = 0.01;  // else making the arrivals would be making bursts
constexpr double kMostPriority = 1e6;
constexpr std::int64_t kMostOutstanding = 1024;

std::vector<std::string_view> planner_names() {
  std::vector<std::string_view> names;
  for (const plan::Planner* planner : plan::planners()) names.push_back(planner->name());
  return names;
}

template <typename Names>
void read_name(JsonObject& object, std::string_view key, const Names& allowed, std::string& value) {
  value = object.string_or(key, value);
  if (std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    object.fail(key, not_known(value, allowed));
  }
}

/// A number in (0, most], or `fallback` if the key is absent.
double positive(JsonObject& object, std::string_view key, double most, double fallback) {
  if (!object.has(key)) {
    static_cast<void>(object.number_or(key, fallback));  // the key is allowed
    return fallback;
  }
  const double value = object.number(key);
  if (!(value > 0.0 && value <= most)) {
    object.fail(key, fmt::format("got {}; allowed: more than 0, at most {}", value, most));
  }
  return value;
}

std::size_t count(JsonObject& object, std::string_view key, std::int64_t most, std::int64_t fallback) {
  if (!object.has(key)) return static_cast<std::size_t>(object.integer_or(key, fallback));
  const std::int64_t value = object.integer(key);
  if (value < 1 || value > most) {
    object.fail(key, fmt::format("got {}; allowed: 1..{}", value, most));
    return 1;
  }
  return static_cast<std::size_t>(value);
}

Arrivals::Kind read_kind(JsonObject& object) {
  constexpr std::array<std::pair<std::string_view, Arrivals::Kind>, 5> kKinds{
      {{"poisson", Arrivals::Kind::kPoisson},
       {"periodic", Arrivals::Kind::kPeriodic},
       {"bursty", Arrivals::Kind::kBursty},
       {"recorded", Arrivals::Kind::kRecorded},
       {"closed_loop", Arrivals::Kind::kClosedLoop}}};
  const std::string name = object.string("kind");
  std::vector<std::string_view> names;
  for (const auto& [known, kind] : kKinds) {
    if (known == name) return kind;
    names.push_back(known);
  }
  object.fail("kind", not_known(name, names));
  return Arrivals::Kind::kPeriodic;
}

void read_rate(JsonObject& object, Arrivals& arrivals) {
  const bool by_period = arrivals.kind == Arrivals::Kind::kPeriodic && object.has("period_ms");
  const char* key = by_period ? "period_ms" : "rate_per_s";
  if (by_period && object.has("rate_per_s")) object.fail(key, "got rate_per_s too; allowed: one of the two");
  if (!object.has(key)) {
    object.fail(key, arrivals.kind == Arrivals::Kind::kPeriodic ? "missing (or give period_ms)" : "missing");
  }
  const double value = object.number_or(key, 1);
  static_cast<void>(object.has("rate_per_s") ? object.number_or("rate_per_s", 1) : 1);
  const double least = by_period ? 1e3 / kMostPerSecond : kLeastPerSecond;
  const double most = by_period ? 1e3 / kLeastPerSecond : kMostPerSecond;
  if (!(value >= least && value <= most)) {
    object.fail(key, fmt::format("got {}; allowed: {}..{}", value, least, most));
    return;
  }
  arrivals.rate_per_s = by_period ? 1e3 / value : value;
}

Seconds read_length(JsonObject& object, std::string_view key) {
  if (!object.has(key)) object.fail(key, "missing");
  return from_ms(positive(object, key, kMostSeconds * 1e3, 1));
}

void read_bursts(JsonObject& object, Arrivals& arrivals) {
  read_rate(object, arrivals);
  arrivals.burst = read_length(object, "burst_ms");
  arrivals.gap = read_length(object, "gap_ms");
  const double per_burst = arrivals.rate_per_s * arrivals.burst.count();
  if (per_burst < kLeastPerBurst) {
    object.fail("burst_ms", fmt::format("got {}, in which {} requests arrive on average; allowed: at least {} requests",
                                        to_ms(arrivals.burst), per_burst, kLeastPerBurst));
  }
}

// Requests per second, over bursts and gaps.
double mean_rate(const Arrivals& a) {
  return a.kind == Arrivals::Kind::kBursty ? a.rate_per_s * (a.burst / (a.burst + a.gap)) : a.rate_per_s;
}

Result<Arrivals> read_arrivals(const Json& json, const std::string& where, const zoo::Zoo& zoo,
                               const std::optional<Seconds>& duration, const ReadRecording& read) {
  JsonObject object(json, where);
  Arrivals arrivals;
  arrivals.task = plan::read_task(object, zoo);
  arrivals.kind = read_kind(object);
  arrivals.requests = count(object, "requests", static_cast<std::int64_t>(kMostRequests), 0);
  const double offset_ms = object.number_or("offset_ms", 0);
  if (!(offset_ms >= 0.0 && offset_ms <= kMostSeconds * 1e3)) {
    object.fail("offset_ms", fmt::format("got {}; allowed: 0..{}", offset_ms, kMostSeconds * 1e3));
  }
  arrivals.offset = from_ms(offset_ms);
  arrivals.priority = positive(object, "priority", kMostPriority, 1);
  std::string recording;
  switch (arrivals.kind) {
    case Arrivals::Kind::kClosedLoop: arrivals.outstanding = count(object, "outstanding", kMostOutstanding, 1); break;
    case Arrivals::Kind::kBursty: read_bursts(object, arrivals); break;
    case Arrivals::Kind::kRecorded:
      recording = object.string("file");
      if (const std::string problem = path_problem(recording); !problem.empty()) object.fail("file", problem);
      break;
    case Arrivals::Kind::kPoisson:
    case Arrivals::Kind::kPeriodic: read_rate(object, arrivals);
  }
  const bool endless = arrivals.requests == 0 && arrivals.kind != Arrivals::Kind::kRecorded;
  if (endless && !duration) {
    object.fail("requests", "missing, and the workload has no duration_s, so it would never end; give one of the two");
  }
  SL_RETURN_IF_ERROR(object.finish());
  if (arrivals.kind == Arrivals::Kind::kRecorded) {
    auto times = read(recording);
    if (!times.ok()) return times.status().with_context(where + ": file");
    arrivals.recorded = std::move(times).value();
    const std::size_t recorded = arrivals.recorded.size();
    arrivals.requests = arrivals.requests == 0 ? recorded : std::min(arrivals.requests, recorded);
  }
  return arrivals;
}

Status read_slo(const Json& json, const std::string& where, const zoo::Zoo& zoo, Workload& workload) {
  JsonObject object(json, where);
  const zoo::TaskId task = plan::read_task(object, zoo);
  const plan::Slo slo = plan::read_bounds(object);
  SL_RETURN_IF_ERROR(object.finish());
  std::optional<plan::Slo>& entry = workload.slos[task.index()];
  if (entry) return error(Code::kMalformed, "{}: task '{}' has bounds already", where, zoo.task(task).name);
  entry = slo;
  return {};
}

// Upper estimate of how many arrivals one open-loop entry makes; of a bursty one as if a burst never ended.
double expected(const Arrivals& a, const std::optional<Seconds>& duration) {
  const bool by_rate = duration && a.kind != Arrivals::Kind::kRecorded;
  const double rate = a.kind == Arrivals::Kind::kBursty ? a.rate_per_s : mean_rate(a);
  const double by_time = by_rate ? std::max(0.0, (*duration - a.offset).count()) * rate + 1 : 1e300;
  return a.requests == 0 ? by_time : std::min(by_time, static_cast<double>(a.requests));
}

Status check_size(const Workload& workload, const std::string& where) {
  double open_loop = 0;
  bool closed_loop = false;
  for (const Arrivals& a : workload.arrivals) {
    const bool closed = a.kind == Arrivals::Kind::kClosedLoop;
    closed_loop = closed_loop || (closed && (!workload.duration || a.offset < *workload.duration));
    if (!closed) open_loop += expected(a, workload.duration);
  }
  if (open_loop > static_cast<double>(kMostRequests)) {
    return error(Code::kMalformed, "{}: arrivals: about {:.0f} requests; allowed: at most {}", where, open_loop,
                 kMostRequests);
  }
  if (!workload.duration) {
    for (const Arrivals& a : workload.arrivals) {
      const double seconds = a.rate_per_s > 0 ? static_cast<double>(a.requests) / mean_rate(a) : 0;
      if (seconds <= kMostSeconds) continue;
      return error(Code::kMalformed,
                   "{}: arrivals: {} requests at {} per second last {:.0f} s; allowed: at most {:.0f} s", where,
                   a.requests, mean_rate(a), seconds, kMostSeconds);
    }
  }
  if (!closed_loop && !any_open_loop_arrival(workload)) {
    return error(Code::kMalformed, "{}: arrivals: zero requests before the end; allowed: at least one", where);
  }
  return {};
}

void read_head(JsonObject& object, Workload& workload) {
  workload.name = object.string_or("name", workload.name);
  workload.slo_config = object.string_or("slo_config", workload.slo_config);
  if (const auto grid = plan::parse_grid_name(workload.slo_config); !grid.ok()) {
    object.fail("slo_config", grid.status().message());
  }
  read_name(object, "planner", planner_names(), workload.planner);
  read_name(object, "policy", policy_names(), workload.policy);
  const std::int64_t seed = object.integer_or("seed", 0);
  if (seed < 0) object.fail("seed", fmt::format("got {}; allowed: 0 or more", seed));
  workload.seed = static_cast<std::uint64_t>(seed);
  const double duration_s = positive(object, "duration_s", kMostSeconds, 0);
  if (object.has("duration_s")) workload.duration = Seconds(duration_s);
}

}  // namespace

Result<Workload> parse_workload(const Json& json, const zoo::Zoo& zoo, const std::string& where,
                                const ReadRecording& read) {
  Workload workload;
  workload.slos.resize(zoo.tasks.size());
  JsonObject object(json, where);
  const std::int64_t version = object.integer("format_version");
  if (version != 1 && object.has("format_version")) {
    object.fail("format_version", fmt::format("got {}; this release reads 1", version));
  }
  read_head(object, workload);
  std::vector<std::pair<const Json*, std::string>> bounds, entries;
  if (object.has("slos")) {
    bounds = object.array("slos");
  } else {
    static_cast<void>(object.integer_or("slos", 0));  // the key is allowed
  }
  entries = object.array("arrivals");
  if (entries.empty()) object.fail("arrivals", "got no entry, hence zero requests; allowed: at least one entry");
  SL_RETURN_IF_ERROR(object.finish());
  for (const auto& [element, at] : bounds) SL_RETURN_IF_ERROR(read_slo(*element, at, zoo, workload));
  for (const auto& [element, at] : entries) {
    SL_ASSIGN_OR_RETURN(Arrivals arrivals, read_arrivals(*element, at, zoo, workload.duration, read));
    workload.arrivals.push_back(std::move(arrivals));
  }
  SL_RETURN_IF_ERROR(check_size(workload, where));
  return workload;
}

Result<std::vector<Seconds>> read_recording(const std::filesystem::path& path) {
  SL_ASSIGN_OR_RETURN(CsvReader csv, CsvReader::open(path));
  SL_ASSIGN_OR_RETURN(const std::vector<std::size_t> columns, csv.only({"arrival_s"}));
  std::vector<Seconds> times;
  for (;;) {
    SL_ASSIGN_OR_RETURN(const bool any, csv.next());
    if (!any) break;
    SL_ASSIGN_OR_RETURN(const double at, csv.number(columns[0]));
    const double least = times.empty() ? 0 : times.back().count();
    if (!(at >= least && at <= kMostSeconds)) {
      return error(Code::kMalformed, "{}: got {}; allowed: {}..{}, in order", csv.where(columns[0]), at, least,
                   kMostSeconds);
    }
    if (times.size() == kMostRequests) {
      return error(Code::kMalformed, "{}: one more; allowed: at most {}", csv.where(), kMostRequests);
    }
    times.emplace_back(at);
  }
  if (times.empty()) return error(Code::kMalformed, "{}: no rows; allowed: at least one", path.string());
  return times;
}

Result<Workload> load_workload(const std::filesystem::path& path, const zoo::Zoo& zoo) {
  SL_ASSIGN_OR_RETURN(const Json json, read_json(path));
  const auto read = [&](const std::string& file) -> Result<std::vector<Seconds>> {
    const std::filesystem::path recording = path.parent_path() / file;
    SL_RETURN_IF_ERROR(check_inside(path.parent_path(), recording));
    return read_recording(recording);
  };
  return parse_workload(json, zoo, path.string(), read);
}

Result<plan::SloConfig> workload_slos(const Workload& workload, const std::vector<plan::GridRange>& ranges) {
  SL_ASSIGN_OR_RETURN(plan::SloConfig config, plan::named_config(ranges, workload.slo_config));
  for (std::size_t t = 0; t < config.slos.size() && t < workload.slos.size(); ++t) {
    if (workload.slos[t]) config.slos[t] = *workload.slos[t];
  }
  return config;
}

}  // namespace sparseloom::sched
