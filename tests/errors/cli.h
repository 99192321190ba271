// Runs the command line as a user does, for tests of what it says about mistakes.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "sparseloom/base/file.h"
#include "tests/support/made_up_zoo.h"

namespace sparseloom::testing {

struct CliResult {
  int status = -1;  ///< exit status; -1 if it did not exit by itself
  std::string out;
  std::string err;
};

/// Runs `sparseloom <arguments>` with a cache folder of its own and waits for its end.
inline CliResult run_cli(const std::vector<std::string>& arguments, const std::filesystem::path& cache) {
  const TemporaryFolder folder;
  const std::string out = folder.path() / "out";
  const std::string err = folder.path() / "err";
  std::vector<std::string> words{SPARSELOOM_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string cache_variable = cache.string();
  const pid_t child = ::fork();
  if (child == 0) {
    const int out_fd = ::open(out.c_str(), O_WRONLY | O_CREAT, 0600);
    const int err_fd = ::open(err.c_str(), O_WRONLY | O_CREAT, 0600);
    ::dup2(out_fd, STDOUT_FILENO);
    ::dup2(err_fd, STDERR_FILENO);
    ::setenv("SPARSELOOM_CACHE_DIR", cache_variable.c_str(), 1);
    ::execv(SPARSELOOM_BINARY, argv.data());
    ::_exit(127);
  }
  int state = 0;
  EXPECT_EQ(::waitpid(child, &state, 0), child);
  CliResult result;
  if (WIFEXITED(state)) result.status = WEXITSTATUS(state);
  result.out = read_file(out).value();
  result.err = read_file(err).value();
  return result;
}

inline CliResult run_cli(const std::vector<std::string>& arguments) {
  const TemporaryFolder cache;
  return run_cli(arguments, cache.path());
}

/// The run failed with `status` and said why in one line on standard error that holds every one of `words`.
inline void expect_one_line_error(const CliResult& result, int status, const std::vector<std::string>& words) {
  EXPECT_EQ(result.status, status) << result.err;
  ASSERT_FALSE(result.err.empty());
  EXPECT_EQ(result.err.find('\n'), result.err.size() - 1) << result.err;
  EXPECT_TRUE(result.err.starts_with("sparseloom: ")) << result.err;
  for (const std::string& word : words) {
    EXPECT_NE(result.err.find(word), std::string::npos) << "no '" << word << "' in: " << result.err;
  }
}

/// The cache of tests that need this machine's latencies: the first of them measures, and it is kept between runs.
inline std::filesystem::path shared_cache() {
  return std::filesystem::path(SPARSELOOM_BINARY).parent_path().parent_path() / "test-cache";
}

inline std::string demo_zoo() { return std::string(SPARSELOOM_SOURCE_DIR) + "/zoos/demo"; }

}  // namespace sparseloom::testing
