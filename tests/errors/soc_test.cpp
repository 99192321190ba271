// Modelled machines: names and files that do not fit, and commands that need a real one. Files' own mistakes:
// tests/unit/soc/soc_file_test.cpp.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

TEST(SocErrors, UnknownName) {
  expect_one_line_error(
      run_cli({"plan", "--zoo", demo_zoo(), "--soc", "toaster"}), 2,
      {"--soc", "toaster", "core-ultra-5-135u", "core-ultra-7-265k", "jetson-agx-orin", "jetson-orin-nano"});
  expect_one_line_error(run_cli({"soc", "--soc", "toaster"}), 2, {"--soc", "toaster", "jetson-agx-orin"});
}

TEST(SocErrors, NoSuchFile) {
  const TemporaryFolder nothing;
  const std::string path = nothing.path() / "mine.json";
  expect_one_line_error(run_cli({"plan", "--zoo", demo_zoo(), "--soc", path}), 1, {path});
}

TEST(SocErrors, FileWithANegativeRate) {
  const TemporaryFolder folder;
  const std::string path = folder.path() / "mine.json";
  Json json = read_json(std::string(SPARSELOOM_SOURCE_DIR) + "/socs/jetson-agx-orin.json").value();
  json["processors"][1]["rates"]["int8"]["peak_tops"]["value"] = -85;
  ASSERT_TRUE(write_file(path, json.dump()).ok());
  expect_one_line_error(run_cli({"soc", "--soc", path}), 1, {path, "processors[1]", "int8: peak_tops: value", "-85"});
}

TEST(SocErrors, ModelledMachinesRunNothing) {
  const std::string workload = std::string(SPARSELOOM_SOURCE_DIR) + "/examples/workload.json";
  expect_one_line_error(run_cli({"run", "--workload", workload, "--soc", "jetson-agx-orin"}), 2,
                        {"run", "--soc", "modelled", "simulate"});
  expect_one_line_error(run_cli({"demo", "--soc", "jetson-agx-orin"}), 2, {"demo", "--soc", "modelled", "simulate"});
}

TEST(SocErrors, CoresOfAModelledMachineAreItsOwn) {
  expect_one_line_error(run_cli({"soc", "--soc", "jetson-agx-orin", "--cores-per-processor", "2"}), 2,
                        {"--cores-per-processor", "jetson-agx-orin"});
}

TEST(SocErrors, SimulatedTracesHaveNoMachine) {
  expect_one_line_error(run_cli({"simulate", "--soc", "jetson-agx-orin"}), 2, {"--workload"});
}

TEST(SocErrors, AZooWithoutAccuracies) {
  const MadeUpZoo made;
  expect_one_line_error(run_cli({"plan", "--zoo", made.root().string(), "--soc", "jetson-agx-orin"}), 1,
                        {"task 'toy'", "accuracies", "--export-accuracy"});
}

}  // namespace
}  // namespace sparseloom::testing
