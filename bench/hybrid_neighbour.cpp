#include "bench/hybrid_neighbour.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "cli/program.h"
#include "cli/setup.h"
#include "sparseloom/backend/hybrid/hybrid.h"
#include "sparseloom/base/statistics.h"
#include "sparseloom/profile/measure/hybrid.h"
#include "sparseloom/report/quartiles_json.h"
#include "sparseloom/report/table.h"
#include "sparseloom/zoo/boundaries.h"

namespace sparseloom::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Computes on cores until it is destroyed.
class Spinning {
 public:
  explicit Spinning(const std::vector<CpuIndex>& cores)
      : thread_([this, cores] {
          static_cast<void>(pin_this_thread(cores));
          while (!stop_.load(std::memory_order_relaxed)) {}
        }) {}
  ~Spinning() {
    stop_.store(true);
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// One way to run the model.
struct Runner {
  std::unique_ptr<backend::Executable> executable;
  std::unique_ptr<backend::Session> session;
  std::vector<double> ms;
};

struct Phase {
  std::string name;
  std::optional<Quartiles<double>> stays, follows, solved;
  std::size_t switches = 0;  // so far
};

class Played {
 public:
  Played(const backend::Runtime& runtime, const std::string& file, const backend::Model& model,
         const profile::MeasuredOperators& operators, const std::vector<backend::CompileOptions>& members,
         const NeighbourOptions& options)
      : runtime_(runtime), file_(file), model_(model), operators_(operators), members_(members), options_(options) {}

  Result<NeighbourResult> run() {
    SL_ASSIGN_OR_RETURN(placement_, profile::place_on_members(model_.graph(), operators_, members_));
    SL_ASSIGN_OR_RETURN(Runner stays, make({.members = members_, .plans = {placement_.options.plans.front()}}));
    SL_ASSIGN_OR_RETURN(Runner follows, make(placement_.options));
    std::optional<Runner> solved;
    SL_RETURN_IF_ERROR(phase("quiet", stays, follows, solved));
    {
      const Spinning neighbour(options_.cores);
      const std::size_t before = placement_.controller->active();
      SL_RETURN_IF_ERROR(phase("neighbour comes", stays, follows, solved, before));
      const place::MachineState state = placement_.controller->state();
      slow_downs_ = state.slow_down;
      SL_ASSIGN_OR_RETURN(const place::Placed placed, place::place_exactly(in_state(operators_.table, state), {}));
      auto plan = profile::hybrid_plan(model_.graph(), operators_, placed.placement);
      SL_ASSIGN_OR_RETURN(solved, make({.members = members_, .plans = {std::move(plan)}}));
      SL_RETURN_IF_ERROR(phase("neighbour stays", stays, follows, solved));
    }
    solved.reset();
    SL_RETURN_IF_ERROR(phase("quiet again", stays, follows, solved));
    return result();
  }

 private:
  Result<Runner> make(const backend::HybridOptions& options) {
    Runner runner;
    SL_ASSIGN_OR_RETURN(runner.executable, backend::compile_hybrid(runtime_, model_, options, file_));
    SL_ASSIGN_OR_RETURN(runner.session, boundaries_.bind(*runner.executable, 0));
    SL_RETURN_IF_ERROR(runner.session->run());
    return runner;
  }

  Status phase(const std::string& name, Runner& stays, Runner& follows, std::optional<Runner>& solved,
               std::optional<std::size_t> until_other = {}) {
    std::vector<Runner*> all{&stays, &follows};
    if (solved) all.push_back(&*solved);
    for (Runner* runner : all) runner->ms.clear();
    for (int round = 0; round < options_.rounds; ++round) {
      if (cli::interrupted()) return error(Code::kCancelled, "stopped by the user");
      std::rotate(all.begin(), all.begin() + 1, all.end());
      for (Runner* runner : all) {
        const auto start = Clock::now();
        SL_RETURN_IF_ERROR(runner->session->run());
        runner->ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
      }
      if (until_other && !replaced_after_ && placement_.controller->active() != *until_other)
        replaced_after_ = round + 1;
    }
    Phase& played = phases_.emplace_back();
    played.name = name;
    played.stays = quartiles(stays.ms);
    played.follows = quartiles(follows.ms);
    if (solved) played.solved = quartiles(solved->ms);
    played.switches = placement_.controller->counts().switches;
    return {};
  }

  static std::string text_of(const std::optional<Quartiles<double>>& ms) {
    return ms ? fmt::format("{:.2f} ({:.2f}..{:.2f})", ms->median, ms->q1, ms->q3) : "-";
  }

  NeighbourResult result() const {
    report::Table table({"phase", "placement stays, ms", "follows, ms", "solved for it, ms", "follows / stays",
                         "follows / solved", "switches so far"});
    Json phases = Json::array();
    for (const Phase& phase : phases_) {
      const auto over = [&](const std::optional<Quartiles<double>>& other) {
        return other ? fmt::format("{:.2f}", phase.follows->median / other->median) : std::string("-");
      };
      table.add({phase.name, text_of(phase.stays), text_of(phase.follows), text_of(phase.solved), over(phase.stays),
                 over(phase.solved), fmt::format("{}", phase.switches)});
      phases.push_back({{"phase", phase.name},
                        {"stays_ms", report::quartiles_json(*phase.stays)},
                        {"follows_ms", report::quartiles_json(*phase.follows)},
                        {"solved_ms", phase.solved ? report::quartiles_json(*phase.solved) : Json()},
                        {"switches", phase.switches}});
    }
    const std::string after = replaced_after_ ? fmt::format("after {} inferences", *replaced_after_) : "not at all";
    return {.json = {{"plans", placement_.options.plans.size()},
                     {"slow_downs", slow_downs_},
                     {"replaced_after", replaced_after_ ? Json(*replaced_after_) : Json()},
                     {"phases", std::move(phases)}},
            .text = fmt::format("{} plans compiled; placed anew {}; slow-downs seen: {:.2f}\n{}",
                                placement_.options.plans.size(), after, fmt::join(slow_downs_, ", "), table.text())};
  }

  const backend::Runtime& runtime_;
  const std::string& file_;
  const backend::Model& model_;
  const profile::MeasuredOperators& operators_;
  const std::vector<backend::CompileOptions>& members_;
  const NeighbourOptions& options_;
  zoo::Boundaries boundaries_{1};
  profile::HybridPlacement placement_;
  std::vector<double> slow_downs_;
  std::optional<int> replaced_after_;
  std::vector<Phase> phases_;
};

}  // namespace

Result<NeighbourResult> bench_neighbour(const backend::Runtime& runtime, const std::string& file,
                                        const backend::Model& model, const profile::MeasuredOperators& operators,
                                        const std::vector<backend::CompileOptions>& members,
                                        const NeighbourOptions& options) {
  return Played(runtime, file, model, operators, members, options).run();
}

}  // namespace sparseloom::bench
