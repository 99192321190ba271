// Plays every tests/scenarios/*.scn (their format: tests/scenarios/README.md) and compares what was dispatched.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "sparseloom/simulate/simulation.h"

namespace sparseloom::simulate {
namespace {

const std::filesystem::path kScenarios = std::filesystem::path(SPARSELOOM_SOURCE_DIR) / "tests/scenarios";

struct Task {
  std::string name;
  std::vector<Seconds> times;
  std::vector<double> sparsity;
};

struct Asked {
  std::string name;
  sched::Request request;
  std::vector<Seconds> takes;
  std::vector<double> shows;
  sched::StageTimes truth;
};

struct Scenario {
  std::string policy;
  Admission admission = Admission::kStandard;
  std::size_t processors = 1;
  bool any = false;  // a stage may run on any processor
  std::vector<Task> tasks;
  std::vector<std::vector<std::size_t>> placement;  // by task and stage
  std::vector<Asked> requests;
  std::string expected;
};

/// The words of a line, comments left out.
std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line.substr(0, line.find('#')));
  return {std::istream_iterator<std::string>(in), {}};
}

/// Numbers that follow `key` until the next word that is none.
std::vector<double> numbers(const std::vector<std::string>& line, const std::string& key) {
  std::vector<double> found;
  auto word = std::find(line.begin(), line.end(), key);
  if (word == line.end()) return found;
  for (++word; word != line.end() && std::isdigit(static_cast<unsigned char>(word->front())) != 0; ++word) {
    found.push_back(std::stod(*word));
  }
  return found;
}

void read_task(const std::vector<std::string>& line, Scenario& scenario) {
  Task& task = scenario.tasks.emplace_back();
  task.name = line.at(1);
  for (const double t : numbers(line, "stages")) task.times.emplace_back(t);
  task.sparsity = numbers(line, "sparsity");
  task.sparsity.resize(task.times.size());
  auto& placement = scenario.placement.emplace_back();
  for (const double p : numbers(line, "on")) placement.push_back(static_cast<std::size_t>(p));
  placement.resize(task.times.size());
}

void read_request(const std::vector<std::string>& line, Scenario& scenario) {
  Asked& asked = scenario.requests.emplace_back();
  asked.name = line.at(1);
  const auto task =
      std::find_if(scenario.tasks.begin(), scenario.tasks.end(), [&](const Task& t) { return t.name == line.at(2); });
  ASSERT_NE(task, scenario.tasks.end()) << "no task '" << line.at(2) << "'";
  const auto or_one = [&](const char* key, double otherwise) {
    const auto found = numbers(line, key);
    return found.empty() ? otherwise : found.front();
  };
  asked.request = {.id = sched::RequestId(scenario.requests.size() - 1),
                   .task = zoo::TaskId(static_cast<std::size_t>(task - scenario.tasks.begin())),
                   .arrival = Seconds(or_one("at", 0)),
                   .deadline = Seconds(or_one("due", 1e9)),
                   .priority = or_one("priority", 1)};
  for (const double t : numbers(line, "takes")) asked.takes.emplace_back(t);
  if (asked.takes.empty()) asked.takes = task->times;
  asked.shows = numbers(line, "shows");
  if (asked.shows.empty()) asked.shows = task->sparsity;
}

Scenario read_scenario(const std::filesystem::path& path) {
  Scenario scenario;
  std::ifstream file(path);
  bool expected = false;
  for (std::string text; std::getline(file, text);) {
    const auto line = words(text);
    if (line.empty()) continue;
    if (expected) {
      scenario.expected += text.substr(0, text.find(" #")) + "\n";
    } else if (line[0] == "policy") {
      scenario.policy = line.at(1);
    } else if (line[0] == "admission") {
      scenario.admission = line.at(1) == "benchmark" ? Admission::kBenchmark : Admission::kStandard;
    } else if (line[0] == "processors") {
      scenario.processors = std::stoul(line.at(1));
      scenario.any = line.size() > 2 && line[2] == "any";
    } else if (line[0] == "task") {
      read_task(line, scenario);
    } else if (line[0] == "request") {
      read_request(line, scenario);
    } else if (line[0] == "expect") {
      expected = true;
    } else {
      ADD_FAILURE() << path << ": unknown word '" << line[0] << "'";
    }
  }
  return scenario;
}

/// Runs what the scenario says, and writes down what was dispatched when.
class Stagehand final : public World, public Observer {
 public:
  explicit Stagehand(Scenario& scenario) : scenario_(scenario) {
    for (Asked& asked : scenario.requests) {
      asked.truth = sched::stage_times(asked.takes);
    }
  }

  StageRun run(const Query& query, const sched::Dispatch& dispatch, Seconds) override {
    const Asked& asked = scenario_.requests[query.request.id.index()];
    const std::size_t stage = dispatch.stage.index();
    return {asked.takes.at(stage), asked.shows.at(stage)};
  }
  void ran(const sched::Request& request, const sched::Dispatch& d, Seconds start, Seconds end, bool) override {
    lines_.emplace(std::pair(start, d.processor), fmt::format("{} {} p{} {}.{}\n", start.count(), end.count(),
                                                              d.processor.index(), name(request), d.stage.index()));
  }
  void finished(const Query&, Seconds) override {}

  std::string trace() const {
    std::string all;
    for (const auto& [key, line] : lines_) all += line;
    return all;
  }

 private:
  const std::string& name(const sched::Request& request) const { return scenario_.requests[request.id.index()].name; }
  Scenario& scenario_;
  std::multimap<std::pair<Seconds, soc::ProcessorId>, std::string> lines_;
};

std::shared_ptr<const plan::Plan> plan_of(const Scenario& scenario) {
  auto plan = std::make_shared<plan::Plan>();
  for (std::size_t t = 0; t < scenario.tasks.size(); ++t) {
    const Task& task = scenario.tasks[t];
    plan::TaskPlan& chosen = plan->tasks.emplace_back();
    chosen.pooled = scenario.any;
    for (std::size_t i = 0; i < task.times.size(); ++i) {
      chosen.sigma.emplace_back(0);
      chosen.placement.emplace_back(scenario.placement[t][i]);
      chosen.providers.push_back(backend::Provider::kScripted);
      chosen.estimates.push_back({task.times[i], task.times[i], task.sparsity[i]});
    }
  }
  return plan;
}

soc::Pools pools_of(const Scenario& scenario) {
  soc::Pools pools;
  for (std::size_t p = 0; p < scenario.processors; ++p) {
    if (p == 0 || !scenario.any) pools.members.emplace_back();
    pools.members.back().emplace_back(p);
    pools.of.push_back(pools.members.size() - 1);
  }
  return pools;
}

class Scenarios : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(Scenarios, DispatchAsWritten) {
  Scenario scenario = read_scenario(GetParam());
  const soc::Pools pools = pools_of(scenario);
  auto policy = sched::make_policy(scenario.policy, sched::Dispatcher::queue_count(pools));
  ASSERT_TRUE(policy.ok()) << policy.status().message();
  Stagehand stagehand(scenario);
  auto simulation =
      Simulation::make(plan_of(scenario), pools, std::move(policy).value(), scenario.admission, stagehand, stagehand);
  ASSERT_TRUE(simulation.ok()) << simulation.status().message();
  for (const Asked& asked : scenario.requests) simulation->arrive({asked.request, 0, &asked.truth});
  simulation->finish();
  EXPECT_EQ(stagehand.trace(), scenario.expected);
}

std::vector<std::filesystem::path> all_scenarios() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(kScenarios)) {
    if (entry.path().extension() == ".scn") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

TEST(ScenarioFiles, ShowEveryPolicy) {
  std::set<std::string> shown;
  for (const auto& file : all_scenarios()) shown.insert(read_scenario(file).policy);
  for (const std::string_view policy : sched::policy_names()) {
    EXPECT_TRUE(shown.contains(std::string(policy))) << "no tests/scenarios/*.scn for policy " << policy;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, Scenarios, ::testing::ValuesIn(all_scenarios()),
                         [](const auto& each) { return each.param.stem().string(); });

}  // namespace
}  // namespace sparseloom::simulate
