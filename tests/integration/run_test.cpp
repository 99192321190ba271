// sparseloom run on the demo zoo, as a user runs it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sparseloom/base/json.h"
#include "sparseloom/plan/planner.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

std::string workload(double duration_s) {
  return fmt::format(R"({{"format_version": 1, "name": "test", "slo_config": "C3", "duration_s": {}, "arrivals": [
    {{"task": "image", "kind": "poisson", "rate_per_s": 40}},
    {{"task": "image", "kind": "closed_loop"}}]}})",
                     duration_s);
}

// As the printed report counts them, over all tasks of the written one's first system.
std::string total_requests(const Json& report) {
  std::size_t total = 0;
  for (const Json& task : report["systems"][0]["tasks"]) total += task["requests"].get<std::size_t>();
  return fmt::format("\nsparseloom: {} requests, ", total);
}

TEST(RunCommand, ServesAndWritesReportAndTrace) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "w.json", report = folder.path() / "r.json", trace = folder.path() / "t.json";
  ASSERT_TRUE(write_file(file, workload(1)).ok());
  const CliResult result =
      run_cli({"run", "--zoo", demo_zoo(), "--workload", file, "--json", report, "--trace", trace}, shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = read_json(report).value();
  EXPECT_NE(result.out.find(total_requests(json)), std::string::npos) << result.out;
  EXPECT_EQ(json["slo_config"], "C3");
  const Json& image = json["systems"][0]["tasks"][0];
  EXPECT_GT(image["requests"], 10);
  EXPECT_GT(image["latency_ms"]["p99"], 0.0);
  EXPECT_GT(image["predicted_latency_ms"]["p99"], 0.0);
  EXPECT_TRUE(image.contains("prediction_error_ms"));
  EXPECT_FALSE(json["systems"][0]["tasks"][1].contains("predicted_latency_ms"));  // was not asked for
  const Json events = read_json(trace).value()["traceEvents"];
  std::size_t stages = 0;
  for (const Json& event : events) stages += event["ph"] == "X" ? 1 : 0;
  EXPECT_EQ(stages, image["requests"].get<std::size_t>() * image["variant"].size());
}

TEST(RunCommand, ServesAPlanFileWithinAMemoryBudget) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "w.json", plan = folder.path() / "p.json", report = folder.path() / "r.json";
  ASSERT_TRUE(write_file(file, workload(0.2)).ok());
  const CliResult made =
      run_cli({"plan", "--zoo", demo_zoo(), "--planner", "exact", "--slo", "C6", "--out", plan}, shared_cache());
  ASSERT_EQ(made.status, 0) << made.err;
  const CliResult result = run_cli({"run", "--zoo", demo_zoo(), "--workload", file, "--plan", plan, "--memory",
                                    "200MiB", "--no-adapt", "--no-check", "--json", report},
                                   shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find(" of 200.0 MiB"), std::string::npos) << result.out;
  const Json json = read_json(report).value();
  EXPECT_EQ(json["systems"][0]["name"], "exact") << "who made the plan";
  EXPECT_EQ(json["slo_config"], plan.string());
  EXPECT_EQ(json["replans"], 0);
}

TEST(RunCommand, NamesTheLeastMemoryThatWouldDo) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "w.json";
  ASSERT_TRUE(write_file(file, workload(0.1)).ok());
  const CliResult result =
      run_cli({"run", "--zoo", demo_zoo(), "--workload", file, "--no-check", "--memory", "1KiB"}, shared_cache());
  EXPECT_EQ(result.status, 1);
  EXPECT_NE(result.err.find("1024 bytes"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("least"), std::string::npos) << result.err;
}

TEST(SimulateCommand, RehearsesAWorkloadAndTracesIt) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "w.json", report = folder.path() / "r.json", trace = folder.path() / "t.json";
  ASSERT_TRUE(write_file(file, workload(1)).ok());
  const CliResult result = run_cli(
      {"simulate", "--zoo", demo_zoo(), "--workload", file, "--policy", "dysta", "--json", report, "--trace", trace},
      shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("predicted"), std::string::npos);
  const Json json = read_json(report).value()["dysta"];
  EXPECT_EQ(json["predicted"], true);
  const Json& image = json["tasks"][0];
  EXPECT_EQ(image["task"], "image");
  EXPECT_EQ(image["requests"], json["requests"]);
  const Json events = read_json(trace).value()["traceEvents"];
  std::size_t stages = 0;
  for (const Json& event : events) stages += event["ph"] == "X" ? 1 : 0;
  EXPECT_EQ(stages, json["decisions"].get<std::size_t>());
}

TEST(RunCommand, NamesEveryBoundThatIsMissed) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "w.json";
  ASSERT_TRUE(write_file(file, R"({"format_version": 1,
    "slos": [{"task": "image", "accuracy": 1.0, "latency_ms": 0.001}],
    "arrivals": [{"task": "image", "kind": "closed_loop", "requests": 5}]})")
                  .ok());
  const CliResult result = run_cli({"run", "--zoo", demo_zoo(), "--workload", file}, shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("image: misses its accuracy and latency bounds"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("% of 100.0 %"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("ms of 0.001 ms"), std::string::npos) << result.out;
}

// Reads what `fd` gives, until `text` has come or the other side has closed.
std::string read_until(int fd, std::string_view text) {
  std::string all;
  char buffer[4096];
  while (text.empty() || all.find(text) == std::string::npos) {
    const ssize_t got = ::read(fd, buffer, sizeof buffer);
    if (got <= 0) break;
    all.append(buffer, static_cast<std::size_t>(got));
  }
  return all;
}

struct Interrupted {
  std::string out;  // after the signal
  int status = -1;
};

// Runs `sparseloom <words>` and presses Ctrl-C when it has printed `text`.
Interrupted interrupt_after(const std::string& text, std::vector<std::string> words) {
  words.insert(words.begin(), SPARSELOOM_BINARY);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string cache = shared_cache().string();
  Interrupted result;
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("SPARSELOOM_CACHE_DIR", cache.c_str(), 1);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execv(SPARSELOOM_BINARY, argv.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  EXPECT_NE(read_until(pipe[0], text).find(text), std::string::npos);
  EXPECT_EQ(::kill(child, SIGINT), 0);
  result.out = read_until(pipe[0], "");
  ::close(pipe[0]);
  int state = 0;
  EXPECT_EQ(::waitpid(child, &state, 0), child);
  if (WIFEXITED(state)) result.status = WEXITSTATUS(state);
  return result;
}

TEST(RunCommand, CtrlCDrainsAndStillReports) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "w.json", report = folder.path() / "r.json";
  ASSERT_TRUE(write_file(file, workload(3600)).ok());
  // It says so when it begins to serve; before that, Ctrl-C would stop the measuring instead.
  const Interrupted run =
      interrupt_after("Serving workload", {"run", "--zoo", demo_zoo(), "--workload", file, "--json", report});
  EXPECT_EQ(run.status, 130);
  const Json json = read_json(report).value();
  EXPECT_NE(run.out.find(total_requests(json)), std::string::npos) << run.out;
  EXPECT_EQ(json["systems"][0]["name"], "sparseloom");
  EXPECT_EQ(json["complete"], false);
}

TEST(DemoCommand, ComparesWithAPlanOfOneProvider) {
  const TemporaryFolder folder;
  const auto report = folder.path() / "r.json";
  const CliResult demo = run_cli({"demo", "--zoo", demo_zoo(), "--slo-config", "C6", "--repeats", "1", "--saturated",
                                  "0", "--compare-provider", "openvino", "--json", report},
                                 shared_cache());
  ASSERT_EQ(demo.status, 0) << demo.err;
  EXPECT_NE(demo.out.find("sparseloom, openvino only"), std::string::npos) << demo.out;
  EXPECT_NE(demo.out.find(" of 12 "), std::string::npos) << "how many stages run sparse:\n" << demo.out;
  const Json json = read_json(report).value();
  ASSERT_EQ(json["systems"].size(), plan::planners().size() + 1);
  EXPECT_EQ(json["systems"][0]["name"], "sparseloom");
  EXPECT_EQ(json["systems"][1]["name"], "sparseloom, openvino only");
  for (const std::size_t system : {0U, 1U}) ASSERT_EQ(json["systems"][system]["tasks"].size(), 4U);
  for (const Json& task : json["systems"][0]["tasks"]) EXPECT_EQ(task["provider"].size(), 3U);
  for (const Json& task : json["systems"][1]["tasks"]) {
    EXPECT_EQ(task["provider"], (Json{"openvino", "openvino", "openvino"})) << task["task"];
  }
}

TEST(PlanCommand, ServesByOneProviderAlone) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "p.json";
  const CliResult plan =
      run_cli({"plan", "--zoo", demo_zoo(), "--provider", "openvino", "--json", file}, shared_cache());
  ASSERT_EQ(plan.status, 0) << plan.err;
  EXPECT_EQ(plan.out.find("(sparse)"), std::string::npos) << plan.out;
  const Json json = read_json(file).value();
  ASSERT_EQ(json["tasks"].size(), 4U);
  for (const Json& task : json["tasks"]) EXPECT_EQ(task["provider"], (Json{"openvino", "openvino", "openvino"}));
}

TEST(DemoCommand, CtrlCBeforeEverySystemHasPlayedReportsNothing) {
  const TemporaryFolder folder;
  const auto report = folder.path() / "r.json", trace = folder.path() / "t.json";
  const Interrupted demo = interrupt_after(
      "Every system below", {"demo", "--zoo", demo_zoo(), "--repeats", "1000", "--json", report, "--trace", trace});
  EXPECT_EQ(demo.status, 130);
  EXPECT_EQ(demo.out.find("95 % interval"), std::string::npos) << demo.out;
  EXPECT_EQ(demo.out.find("Not won by"), std::string::npos) << demo.out;
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace sparseloom::testing
