// What no command takes, whatever the option: unknown commands, empty texts, numbers that are none, and an output that
// cannot be written.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

using Words = std::vector<std::string>;

TEST(CommandErrors, UnknownCommand) {
  expect_one_line_error(run_cli({"nonsense"}), 2, {"command 'nonsense': not known; allowed: bench, cut, "});
  expect_one_line_error(run_cli({"zoo", "nonsense"}), 2, {"command 'nonsense': not known; allowed: list, verify"});
  expect_one_line_error(run_cli({"soc", "nonsense"}), 2, {"command 'nonsense': not known; allowed: check"});
  expect_one_line_error(run_cli({"bench", "nonsense"}), 2, {"command 'nonsense': not known; allowed: engine, "});
}

TEST(CommandErrors, NoCommand) {
  expect_one_line_error(run_cli({}), 2, {"no command given; allowed: bench, cut, "});
  expect_one_line_error(run_cli({"zoo"}), 2, {"zoo: no command given; allowed: list, verify"});
}

TEST(OptionErrors, NumbersThatAreNone) {
  for (const std::string number : {"nan", "inf", "1e999"}) {
    for (const Words& words : {Words{"plan", "--rate"}, Words{"demo", "--saturated"}, Words{"eval", "--saturated"},
                               Words{"profile", "--confidence"}, Words{"bench", "feedback", "--seconds"}}) {
      Words all = words;
      all.push_back(number);
      expect_one_line_error(run_cli(all), 2, {words.back()});
    }
  }
  expect_one_line_error(run_cli({"demo", "--saturated", "nan"}), 2,
                        {"--saturated: got 'nan'; allowed: a finite number"});
  expect_one_line_error(run_cli({"sweep", "--traces", "t", "--load", "0.5,nan"}), 2, {"--load: got 'nan'"});
}

TEST(OptionErrors, EmptyTexts) {
  for (const Words& words : {Words{"demo", "--policy"}, Words{"plan", "--planner"}, Words{"zoo", "list", "--zoo"},
                             Words{"soc", "--soc"}, Words{"bench", "residency", "--zoo"}}) {
    Words all = words;
    all.emplace_back();
    expect_one_line_error(run_cli(all), 2, {words.back()});
  }
  expect_one_line_error(run_cli({"demo", "--policy", ""}), 2, {"--policy: got ''; allowed: a value"});
}

TEST(OptionErrors, AbsurdNumbersOfThreads) {
  for (const char* threads : {"0", "-1", "100000"}) {
    expect_one_line_error(run_cli({"cut", "m.xml", "--threads", threads}), 2, {"--threads", threads, "1024"});
    expect_one_line_error(run_cli({"profile", "--threads", threads}), 2, {"--threads", threads, "1024"});
  }
}

// What a shell does with `> /dev/full`: nothing can be written there.
CliResult run_into_full_disk(const std::string& words, const fs::path& errors) {
  const std::string line = fmt::format("{} {} > /dev/full 2> {}", SPARSELOOM_BINARY, words, errors.string());
  CliResult result;
  const int state = std::system(line.c_str());
  if (WIFEXITED(state)) result.status = WEXITSTATUS(state);
  result.err = read_file(errors).value();
  return result;
}

TEST(OutputErrors, StandardOutputThatCannotBeWritten) {
  const TemporaryFolder folder;
  for (const char* words : {"version", "soc", "--help", "plan --help"}) {
    expect_one_line_error(run_into_full_disk(words, folder.path() / "err"), 1,
                          {"standard output", "No space left on device"});
  }
}

TEST(OutputErrors, ACacheThatCannotBeWrittenIsAWarning) {
  const MadeUpZoo made;
  ASSERT_TRUE(write_file(made.root() / "file", "").ok());
  const CliResult result = run_cli({"zoo", "list", "--zoo", made.root()}, made.root() / "file" / "cache");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.err.find("warning: " + (made.root() / "file" / "cache").string()), std::string::npos) << result.err;
  EXPECT_NE(result.out.find("structured-50"), std::string::npos);
}

TEST(NameErrors, ControlCharactersAreEscaped) {
  const std::string name = "chess\x1b[31m";
  const MadeUpZoo made;
  expect_one_line_error(run_cli({"stitch", "--zoo", made.root(), "--task", name, "--variant", "dense"}), 2,
                        {"task 'chess\\x1b[31m': not known; allowed: toy"});
}

TEST(ProviderErrors, OnlyThoseForUsersAreListed) {
  const CliResult result = run_cli({"plan", "--provider", "tpu"});
  expect_one_line_error(result, 2, {"--provider: provider 'tpu': not known; allowed: openvino, sparse"});
  EXPECT_EQ(result.err.find("scripted"), std::string::npos);
}

}  // namespace
}  // namespace sparseloom::testing
