// sparseloom eval on a modelled machine, as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/base/file.h"
#include "sparseloom/base/json.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

using ::testing::HasSubstr;

CliResult eval(const std::filesystem::path& out, const std::string& cells) {
  return run_cli({"eval", "--zoo", demo_zoo(), "--soc", "jetson-agx-orin", "--cells", cells, "--goodput-seeds", "1",
                  "--goodput-requests", "100", "--out", out},
                 shared_cache());
}

TEST(EvalCommand, WritesRowsAndAPageThatSayModelledAndGoesOnWhereItWas) {
  const TemporaryFolder folder;
  const auto out = folder.path() / "out";
  const CliResult result = eval(out, "C5");
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("modelled"));
  const Json document = read_json(out / "eval.json").value();
  EXPECT_EQ(document["complete"], true);
  ASSERT_EQ(document["inputs"]["profiles"].size(), 1U);
  EXPECT_EQ(document["inputs"]["profiles"].begin().value().get<std::string>().size(), 32U);
  EXPECT_TRUE(document["inputs"].contains("program"));
  ASSERT_FALSE(document["rows"].empty());
  for (const Json& row : document["rows"]) {
    EXPECT_EQ(row["modelled"], true);
    EXPECT_NE(row["system"], "shared");  // how cores are shared is not modelled
    EXPECT_GT(row["completed_qps"], 0.0);
  }
  EXPECT_THAT(read_file(out / "report.html").value(), HasSubstr("Modelled"));
  EXPECT_THAT(read_file(out / "memory.csv").value(), HasSubstr("knapsack"));
  // Ten variants of one of the tasks; no model was run.
  EXPECT_THAT(read_file(out / "profiling.csv").value(), HasSubstr("\"speech\",10,90,1000,1110,"));
  EXPECT_THAT(read_file(out / "report.html").value(), HasSubstr("projected, at most"));

  EXPECT_EQ(eval(out, "C5").status, 0);
  EXPECT_EQ(read_json(out / "eval.json").value(), document);  // nothing was played again
  EXPECT_THAT(eval(out, "C6").err, HasSubstr("of another evaluation: settings"));
}

TEST(EvalCommand, DrawsThePlaneAndPlaysNothing) {
  const TemporaryFolder folder;
  const auto picture = folder.path() / "plane.svg", out = folder.path() / "out";
  const CliResult result = run_cli(
      {"eval", "--zoo", demo_zoo(), "--soc", "jetson-agx-orin", "--plane", picture, "--out", out}, shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  const std::string svg = read_file(picture).value();
  EXPECT_THAT(svg, HasSubstr("(modelled)"));
  EXPECT_THAT(svg, HasSubstr(">speech</text>"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace sparseloom::testing
