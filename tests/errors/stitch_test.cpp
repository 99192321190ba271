// sparseloom stitch: names and numbers that do not fit the zoo.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

CliResult stitch(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"stitch", "--zoo", demo_zoo()});
  return run_cli(arguments);
}

TEST(StitchErrors, UnknownTask) {
  expect_one_line_error(stitch({"--task", "chess", "--variant", "dense"}), 2, {"chess", "image"});
}

TEST(StitchErrors, UnknownVariant) {
  expect_one_line_error(stitch({"--task", "image", "--variant", "dense,int3,dense"}), 2, {"int3", "int8"});
}

TEST(StitchErrors, TwoNamesForThreeStages) {
  expect_one_line_error(stitch({"--task", "image", "--variant", "dense,int8"}), 2,
                        {"--variant", "2 names", "3 stages"});
}

TEST(StitchErrors, EmptyName) {
  expect_one_line_error(stitch({"--task", "image", "--variant", "dense,,int8"}), 2, {"variant '': not known"});
}

TEST(StitchErrors, MoreSamplesThanThereAre) {
  expect_one_line_error(stitch({"--task", "image", "--variant", "dense", "--samples", "1000000"}), 2,
                        {"--samples", "1000000", "profile", "image"});
}

TEST(StitchErrors, UnknownSplit) {
  expect_one_line_error(stitch({"--task", "image", "--variant", "dense", "--split", "train"}), 2, {"train"});
}

TEST(StitchErrors, NoTask) { expect_one_line_error(stitch({"--variant", "dense"}), 2, {"--task"}); }

TEST(StitchErrors, NoRounds) {
  expect_one_line_error(stitch({"--task", "image", "--variant", "dense", "--rounds", "0"}), 2, {"--rounds", "0"});
}

}  // namespace
}  // namespace sparseloom::testing
