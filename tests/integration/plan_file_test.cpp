// A plan that the command line writes to a file and reads back, for a modelled machine.
#include "sparseloom/base/json.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

TEST(PlanFile, IsWrittenCheckedAndRefusedElsewhere) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "plan.json";
  const auto plan = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"plan", "--zoo", demo_zoo()});
    return run_cli(words, folder.path() / "cache");
  };
  const std::string made = folder.path() / "made.json", read = folder.path() / "read.json";
  const CliResult written = plan({"--soc", "jetson-agx-orin", "--slo", "C4", "--out", file, "--json", made});
  ASSERT_EQ(written.status, 0) << written.err;
  const CliResult checked = plan({"--soc", "jetson-agx-orin", "--check", file, "--json", read});
  ASSERT_EQ(checked.status, 0) << checked.err;
  EXPECT_EQ(checked.out, written.out);
  EXPECT_EQ(read_json(read).value()["tasks"][0]["variant"], read_json(made).value()["tasks"][0]["variant"]);
  EXPECT_EQ(read_json(file).value()["slo_config"], "C4");

  const CliResult elsewhere = plan({"--soc", "core-ultra-5-135u", "--check", file});
  expect_one_line_error(elsewhere, 1, {file, "machine", "the plan was made for machine", "make a plan for it"});
  Json edited = read_json(file).value();
  edited["tasks"][0]["ladder"][0]["variant"][0] = "tiny";
  ASSERT_TRUE(write_file(file, edited.dump()).ok());
  expect_one_line_error(plan({"--soc", "jetson-agx-orin", "--check", file}), 1,
                        {file, "variant[0]", "'tiny'", "dense"});
}

}  // namespace
}  // namespace sparseloom::testing
