// sparseloom run on the demo zoo, as a user runs it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sparseloom/base/json.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

// One cache for these tests, kept between runs of them: the first measures this machine's latencies.
std::filesystem::path shared_cache() {
  return std::filesystem::path(SPARSELOOM_BINARY).parent_path().parent_path() / "test-cache";
}

std::string workload(double duration_s) {
  return fmt::format(R"({{"format_version": 1, "name": "test", "slo_config": "C3", "duration_s": {}, "arrivals": [
    {{"task": "image", "kind": "poisson", "rate_per_s": 40}},
    {{"task": "image", "kind": "closed_loop"}}]}})",
                     duration_s);
}

TEST(RunCommand, ServesAndWritesReportAndTrace) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "w.json", report = folder.path() / "r.json", trace = folder.path() / "t.json";
  ASSERT_TRUE(write_file(file, workload(1)).ok());
  const CliResult result =
      run_cli({"run", "--zoo", demo_zoo(), "--workload", file, "--json", report, "--trace", trace}, shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out.find("requests"), std::string::npos);
  const Json json = read_json(report).value();
  EXPECT_EQ(json["slo_config"], "C3");
  const Json& image = json["systems"][0]["tasks"][0];
  EXPECT_GT(image["requests"], 10);
  EXPECT_GT(image["latency_ms"]["p99"], 0.0);
  const Json events = read_json(trace).value()["traceEvents"];
  std::size_t stages = 0;
  for (const Json& event : events) stages += event["ph"] == "X" ? 1 : 0;
  EXPECT_EQ(stages, image["requests"].get<std::size_t>() * image["variant"].size());
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

TEST(RunCommand, CtrlCDrainsAndStillReports) {
  const TemporaryFolder folder;
  const auto file = folder.path() / "w.json", report = folder.path() / "r.json";
  ASSERT_TRUE(write_file(file, workload(3600)).ok());
  const std::string cache = shared_cache().string(), zoo = demo_zoo();
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("SPARSELOOM_CACHE_DIR", cache.c_str(), 1);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execl(SPARSELOOM_BINARY, SPARSELOOM_BINARY, "run", "--zoo", zoo.c_str(), "--workload", file.c_str(), "--json",
            report.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(pipe[1]);
  // It says so when it begins to serve; before that, Ctrl-C would stop the measuring instead.
  EXPECT_NE(read_until(pipe[0], "Serving workload").find("Serving workload"), std::string::npos);
  EXPECT_EQ(::kill(child, SIGINT), 0);
  EXPECT_NE(read_until(pipe[0], "").find("requests"), std::string::npos);
  int state = 0;
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  ASSERT_TRUE(WIFEXITED(state));
  EXPECT_EQ(WEXITSTATUS(state), 130);
  EXPECT_EQ(read_json(report).value()["systems"][0]["name"], "sparseloom");
}

}  // namespace
}  // namespace sparseloom::testing
