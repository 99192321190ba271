// Placing operators: options that do not fit, and machines and models that it cannot be done for.
#include "tests/errors/cli.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::testing {
namespace {

class PlaceErrors : public ::testing::Test {
 protected:
  PlaceErrors() { EXPECT_TRUE(write_file(model_, tiny_layers(2).text()).ok()); }

  TemporaryFolder folder_;
  std::string model_ = folder_.path() / "m.onnx";
};

TEST_F(PlaceErrors, UnknownMethod) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--method", "magic"}), 2,
                        {"method 'magic'", "exact", "codl"});
}

TEST_F(PlaceErrors, UnknownCostModel) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--cost-model", "guess"}), 2,
                        {"cost model 'guess'", "additive", "makespan"});
}

TEST_F(PlaceErrors, UnknownMachine) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "toaster"}), 2, {"--soc", "toaster", "jetson-agx-orin"});
}

TEST_F(PlaceErrors, AHandoverThatIsNoTime) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--handover-us", "nan"}), 2,
                        {"--handover-us", "nan"});
}

TEST_F(PlaceErrors, AModelThatIsNotThere) {
  expect_one_line_error(run_cli({"place", (folder_.path() / "none.onnx").string(), "--soc", "jetson-agx-orin"}), 1,
                        {"none.onnx"});
}

TEST_F(PlaceErrors, AModelWhoseOperatorsAreNotKnown) {
  ASSERT_TRUE(write_file(model_, tiny_determinant().text()).ok());
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin"}), 1,
                        {"m.onnx", "not known", "OpenVINO does not support these operators: Det"});
}

TEST_F(PlaceErrors, AMethodWhoseProcessorIsNotThere) {
  Json json = read_json(std::string(SPARSELOOM_SOURCE_DIR) + "/socs/jetson-agx-orin.json").value();
  json["processors"].erase(1);
  const std::string soc = folder_.path() / "cpu.json";
  ASSERT_TRUE(write_file(soc, json.dump()).ok());
  expect_one_line_error(run_cli({"place", model_, "--soc", soc, "--method", "gpu"}), 1, {"no GPU of this machine"});
}

TEST_F(PlaceErrors, ABatchOfNone) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--batches", "1,0"}), 2,
                        {"--batches", "0", "1 or more"});
}

TEST_F(PlaceErrors, ALatencyThatIsNoBound) {
  for (const char* bound : {"0", "-3"}) {
    expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--latency-ms", bound}), 2,
                          {"--latency-ms", bound, "above 0"});
  }
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--latency-ms", "nan"}), 2,
                        {"--latency-ms", "nan"});
}

TEST_F(PlaceErrors, UnknownObjective) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--objective", "fame"}), 2,
                        {"--objective", "'fame'", "throughput, energy"});
}

TEST_F(PlaceErrors, ABoundThatNoBatchKeeps) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--latency-ms", "0.001"}), 1,
                        {"no batch", "0.001 ms", "one of 1 takes"});
}

TEST_F(PlaceErrors, AFirstAxisThatIsNoBatch) {
  ASSERT_TRUE(write_file(model_, tiny_layers(2, "", 3).text()).ok());
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--batches", "2"}), 1,
                        {"m.onnx", "input 'x' has the shape [3,8]", "one of 1"});
}

TEST_F(PlaceErrors, ABatchThatTheFileDoesNotAllowIsNotMeasured) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "host", "--batches", "2"}), 2,
                        {"input 'x' has the shape [1,8]", "[2,8] does not fit"});
}

TEST_F(PlaceErrors, EnergyOfAMachineThatDoesNotSayWhatItDraws) {
  Json json = read_json(std::string(SPARSELOOM_SOURCE_DIR) + "/socs/jetson-agx-orin.json").value();
  json.erase("dram_pj_per_byte");
  for (Json& processor : json["processors"]) {
    processor.erase("idle_w");
    processor.erase("active_w");
  }
  const std::string soc = folder_.path() / "mute.json";
  ASSERT_TRUE(write_file(soc, json.dump()).ok());
  expect_one_line_error(run_cli({"place", model_, "--soc", soc, "--objective", "energy"}), 1, {"draws is not known"});
  const std::string file = folder_.path() / "p.json";
  ASSERT_EQ(run_cli({"place", model_, "--soc", soc, "--json", file}).status, 0);
  EXPECT_EQ(read_json(file).value()["methods"][0]["energy_mj"], nullptr) << "and never 0";
}

TEST_F(PlaceErrors, ATraceThatIsNotThere) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--trace", "none.trace"}), 1,
                        {"none.trace"});
}

TEST_F(PlaceErrors, AMistakeInATraceIsNamedByLine) {
  const std::string trace = folder_.path() / "t.trace";
  ASSERT_TRUE(write_file(trace, "at 1 s gpu 2\nat 2 s npu 2\nend 3 s\n").ok());
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--trace", trace}), 1,
                        {"t.trace:2: 'npu': not known; allowed: cpu, gpu, memory"});
}

TEST_F(PlaceErrors, OptionsOfATraceAlone) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--noise", "0.1"}), 2,
                        {"--noise: without --trace"});
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--trace", "t.trace", "--noise", "0.5"}),
                        2, {"--noise: 0.5; allowed: 0..0.3"});
  expect_one_line_error(
      run_cli({"place", model_, "--soc", "jetson-agx-orin", "--trace", "t.trace", "--inferences", "0"}), 2,
      {"--inferences: 0; allowed: 1..100000"});
}

TEST_F(PlaceErrors, AFileOrATask) {
  expect_one_line_error(run_cli({"place", "--soc", "jetson-agx-orin"}), 2, {"place", "a model file or --task"});
  expect_one_line_error(run_cli({"place", model_, "--task", "image", "--soc", "jetson-agx-orin"}), 2,
                        {"place", "one of them"});
}

TEST(OperatorsErrors, AFileOrATask) {
  expect_one_line_error(run_cli({"operators"}), 2, {"operators", "a model file or --task"});
  expect_one_line_error(run_cli({"operators", "m.xml", "--task", "image"}), 2, {"operators", "one of them"});
}

TEST(OperatorsErrors, UnknownTask) {
  expect_one_line_error(run_cli({"operators", "--zoo", demo_zoo(), "--task", "smell"}), 2, {"smell", "speech"});
}

TEST(OperatorsErrors, NoSample) {
  expect_one_line_error(run_cli({"operators", "--zoo", demo_zoo(), "--task", "image", "--samples", "0"}), 2,
                        {"--samples", "0"});
}

TEST_F(PlaceErrors, NoMachine) { expect_one_line_error(run_cli({"place", model_}), 2, {"place: needs --soc"}); }

TEST_F(PlaceErrors, APolicyThatIsNone) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--method", "sparoa-sac"}), 1,
                        {"needs a trained policy"});
  const std::string policy = folder_.path() / "p.json";
  ASSERT_TRUE(write_file(policy, "{\"version\": 0}").ok());
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--policy", policy}), 1, {"p.json"});
}

TEST_F(PlaceErrors, TrainingThatWritesNothing) {
  EXPECT_EQ(run_cli({"place", "train-sac", model_, "--soc", "jetson-agx-orin"}).status, 2) << "--out is missing";
  expect_one_line_error(run_cli({"place", "train-sac", model_, "--soc", "jetson-agx-orin", "--out", "/nowhere/p.json"}),
                        1, {"--out", "/nowhere/p.json"});
}

}  // namespace
}  // namespace sparseloom::testing
