#include "apps/place_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <numeric>

#include "cli/setup.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/printable.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/place/learned/policy.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/simulate/changing_machine.h"

namespace sparseloom::apps {
namespace {

using simulate::TraceRun;

// What `exact` may do for placements of which many are solved ahead, or one while inferences wait (PlacerOptions).
constexpr double kQuickWork = 1e7;
constexpr double kUsualNoise = 0.03, kMostNoise = 0.3, kMostPlaceMs = 1e6;
constexpr std::size_t kMostInferences = 100'000;

// Counts what placing takes.
struct Placing {
  place::PlaceFor place;
  std::vector<double> ms{};

  place::PlaceFor timed() {
    return [this](const place::MachineState& state) -> Result<place::Placement> {
      SL_RETURN_IF_ERROR(cli::cancelled_if_interrupted());
      const auto start = std::chrono::steady_clock::now();
      auto placement = place(state);
      const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
      ms.push_back(took.count());
      return placement;
    };
  }
};

struct WayRun {
  std::string_view way;
  TraceRun run;
  place::PlacementController::Counts counts{};
  Placing placing{};
};

class TraceComparison {
 public:
  TraceComparison(const TraceArguments& arguments, place::StateTrace trace, const place::CostTable& table,
                  const place::PlacerOptions& options)
      : table_(table),
        model_(options.model),
        policy_(options.sac_policy),
        arguments_(arguments),
        trace_(std::move(trace)) {}

  Status play() {
    const place::PlaceFor exact = place::exactly_for(table_, {.model = model_});
    const place::PlaceFor quick = place::exactly_for(table_, {.model = model_, .work = kQuickWork});
    SL_ASSIGN_OR_RETURN(const place::Placement usual, exact(place::usual_state(table_)));
    if (arguments_.inferences) stretch(place::latency_of(table_, usual, model_));
    const std::vector<place::MachineState> states = place::states_of(table_, {});
    ahead_ = {.place = quick};
    SL_ASSIGN_OR_RETURN(const auto ahead, place::place_ahead(table_, usual, states, ahead_.timed(), model_));
    states_ = states.size();
    place_ms_ = arguments_.place_ms.value_or(total(ahead_.ms) / static_cast<double>(states_));
    placements_ = ahead.size();
    SL_ASSIGN_OR_RETURN(auto best, simulate::best_by_change(table_, trace_, exact, ahead, model_));
    simulate::ChangingMachine machine(table_, trace_, std::move(best), model_, noise());
    runs_.push_back({.way = "oracle", .run = machine.oracle()});
    if (runs_[0].run.inferences == TraceRun::kMost) {
      return error(Code::kInvalidArgument, "{}: {} inferences before the end; allowed: fewer", arguments_.file,
                   TraceRun::kMost);
    }
    runs_.push_back({.way = "static", .run = machine.keep(usual)});
    SL_RETURN_IF_ERROR(control("grid", machine, ahead, {}));
    SL_RETURN_IF_ERROR(control("re-solved", machine, {usual}, quick));
    if (policy_ != nullptr) SL_RETURN_IF_ERROR(control("sparoa-sac", machine, {usual}, by_policy()));
    return cli::cancelled_if_interrupted();
  }

  void print() const {
    fmt::print(
        "\n{}: {:g} s, {} changes; simulated, measured times off by {:g} %{}\n"
        "{} placements ahead, of {} states that were solved in {:.0f} ms; placed anew: {:.3f} ms later\n\n",
        printable(arguments_.file), trace_.end.count(), trace_.changes.size() - 1, noise().spread * 100,
        noise().outliers > 0
            ? fmt::format(", {:g} % of them {:g} times as long", noise().outliers * 100, noise().outlier)
            : "",
        placements_, states_, total(ahead_.ms), place_ms_);
    report::Table table({"way", "inferences", "mean ms", "median ms", "over the oracle", "switches", "probes",
                         "replaced", "after (median)", "at most", "solved in (median ms)"});
    for (const WayRun& one : runs_) table.add(row(one));
    fmt::print("{}", table.text());
  }

  Json to_json() const {
    Json ways = Json::array();
    for (const WayRun& one : runs_) {
      const auto after = replaced(one.run);
      ways.push_back({{"way", one.way},
                      {"inferences", one.run.inferences},
                      {"mean_ms", to_ms(one.run.mean)},
                      {"median_ms", to_ms(one.run.median)},
                      {"regret", regret(one.run)},
                      {"switches", one.counts.switches},
                      {"probes", one.counts.probes},
                      {"changes_that_call_for_another", one.run.until_replaced.size()},
                      {"replaced", after.size()},
                      {"inferences_until_replaced", after.empty() ? Json() : report::quartiles_json(quartiles(after))},
                      {"most_inferences_until_replaced",
                       after.empty() ? Json() : Json(*std::max_element(after.begin(), after.end()))},
                      {"placed_anew", one.placing.ms.size()},
                      {"place_ms", one.placing.ms.empty() ? Json() : Json(quartiles(one.placing.ms).median)}});
    }
    return {{"file", arguments_.file},
            {"simulated", true},
            {"seconds", trace_.end.count()},
            {"changes", trace_.changes.size() - 1},
            {"noise", noise().spread},
            {"outliers", noise().outliers},
            {"place_anew_ms", place_ms_},
            {"grid", {{"states", states_}, {"placements", placements_}, {"place_ms", total(ahead_.ms)}}},
            {"ways", std::move(ways)}};
  }

 private:
  place::PlaceFor by_policy() const {
    return [this](const place::MachineState& state) -> Result<place::Placement> {
      SL_ASSIGN_OR_RETURN(place::Decision decision, place::decide(table_, state, *policy_));
      return std::move(decision.placed.placement);
    };
  }

  // `usual`: seconds of an inference before anything changes.
  void stretch(double usual) {
    const double wanted = usual * static_cast<double>(*arguments_.inferences);
    if (wanted > 0) trace_ = place::stretched(std::move(trace_), wanted / trace_.end.count());
  }

  simulate::MeasurementNoise noise() const {
    simulate::MeasurementNoise noise{.spread = arguments_.noise.value_or(kUsualNoise)};
    if (noise.spread == 0) noise.outliers = 0;
    return noise;
  }

  Status control(std::string_view way, simulate::ChangingMachine& machine, std::vector<place::Placement> placements,
                 const place::PlaceFor& anew) {
    WayRun one{.way = way, .run = {}, .counts = {}, .placing = {.place = anew}};
    SL_ASSIGN_OR_RETURN(auto controller,
                        place::PlacementController::create(table_, std::move(placements), {.model = model_}));
    one.run = anew ? machine.control(controller, one.placing.timed(), from_ms(place_ms_)) : machine.control(controller);
    one.counts = controller.counts();
    runs_.push_back(std::move(one));
    return {};
  }

  double regret(const TraceRun& run) const { return run.mean / runs_[0].run.mean - 1; }

  static double total(const std::vector<double>& ms) { return std::accumulate(ms.begin(), ms.end(), 0.0); }

  // Of the changes that called for another placement, inferences until there was one.
  static std::vector<double> replaced(const TraceRun& run) {
    std::vector<double> after;
    for (const std::size_t inferences : run.until_replaced)
      if (inferences != TraceRun::kNever) after.push_back(static_cast<double>(inferences));
    return after;
  }

  std::vector<std::string> row(const WayRun& one) const {
    const auto after = replaced(one.run);
    return {std::string(one.way),
            fmt::format("{}", one.run.inferences),
            fmt::format("{:.3f}", to_ms(one.run.mean)),
            fmt::format("{:.3f}", to_ms(one.run.median)),
            fmt::format("{:+.1f} %", regret(one.run) * 100),
            fmt::format("{}", one.counts.switches),
            fmt::format("{}", one.counts.probes),
            fmt::format("{} of {}", after.size(), one.run.until_replaced.size()),
            after.empty() ? "-" : fmt::format("{:g}", quartiles(after).median),
            after.empty() ? "-" : fmt::format("{:g}", *std::max_element(after.begin(), after.end())),
            one.placing.ms.empty() ? "-" : fmt::format("{:.1f}", quartiles(one.placing.ms).median)};
  }

  const place::CostTable& table_;
  place::CostModel model_;
  std::shared_ptr<const place::SacPolicy> policy_;  // null: none
  const TraceArguments& arguments_;
  place::StateTrace trace_;
  std::size_t states_ = 0, placements_ = 0;
  double place_ms_ = 0;  // that placing anew takes on the virtual clock
  Placing ahead_;
  std::vector<WayRun> runs_;  // the oracle first
};

}  // namespace

void add_trace_options(CLI::App& command, TraceArguments& arguments) {
  command.add_option("--trace", arguments.file,
                     "how the machine changes (docs/hybrid.md): compare placements that follow it with one that stays");
  command.add_option("--noise", arguments.noise,
                     "standard deviation of measured times, as a share of them (default 0.03; 0: nor any outliers)");
  command.add_option("--inferences", arguments.inferences,
                     "stretch the trace to so many inferences of an unchanged machine");
  command.add_option(
      "--place-ms", arguments.place_ms,
      "milliseconds after which a placement that is made anew is there (default: as solving takes here)");
}

Status check_trace_options(const TraceArguments& arguments) {
  const auto in = [](std::string_view option, const auto& value, auto least, auto most) -> Status {
    if (!value || (*value >= least && *value <= most)) return {};
    return error(Code::kInvalidArgument, "{}: {}; allowed: {}..{}", option, *value, least, most);
  };
  if (arguments.file.empty()) {
    for (const auto& [option, given] : {std::pair("--noise", arguments.noise.has_value()),
                                        std::pair("--inferences", arguments.inferences.has_value()),
                                        std::pair("--place-ms", arguments.place_ms.has_value())}) {
      if (given) return error(Code::kInvalidArgument, "{}: without --trace", option);
    }
  }
  SL_RETURN_IF_ERROR(in("--noise", arguments.noise, 0.0, kMostNoise));
  SL_RETURN_IF_ERROR(in("--inferences", arguments.inferences, std::size_t{1}, kMostInferences));
  return in("--place-ms", arguments.place_ms, 0.0, kMostPlaceMs);
}

Result<std::optional<place::StateTrace>> read_trace(const TraceArguments& arguments,
                                                    const std::vector<place::PlacedProcessor>& processors) {
  if (arguments.file.empty()) return std::optional<place::StateTrace>();
  SL_ASSIGN_OR_RETURN(const std::string text, read_file(arguments.file));
  SL_ASSIGN_OR_RETURN(auto trace, place::parse_state_trace(text, processors, arguments.file));
  return std::optional(std::move(trace));
}

Result<Json> compare_on_trace(const TraceArguments& arguments, place::StateTrace trace, const place::CostTable& table,
                              const place::PlacerOptions& options) {
  TraceComparison comparison(arguments, std::move(trace), table, options);
  SL_RETURN_IF_ERROR(comparison.play());
  comparison.print();
  return comparison.to_json();
}

}  // namespace sparseloom::apps
