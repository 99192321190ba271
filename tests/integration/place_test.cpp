// Placing the demo zoo's models on the machines that ship: no method is better than `exact`, and what it says adds up.
#include <gmock/gmock.h>

#include "sparseloom/place/placers.h"
#include "tests/errors/cli.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::testing {
namespace {

TEST(PlaceCommand, ExactIsNoWorseThanAnyMethodOnEveryMachine) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "p.json";
  for (const std::string soc : {"jetson-agx-orin", "jetson-orin-nano", "core-ultra-7-265k", "core-ultra-5-135u"}) {
    for (const std::string task : {"image", "sentiment", "activity", "speech"}) {
      const CliResult result = run_cli({"place", demo_zoo() + "/" + task + "/dense/model.xml", "--soc", soc, "--method",
                                        "all", "--explain", "--json", file});
      ASSERT_EQ(result.status, 0) << result.err;
      const Json json = read_json(file).value();
      EXPECT_EQ(json["modelled"], true);
      const Json& methods = json["methods"];
      ASSERT_EQ(methods.size(), place::placers().size());
      const Json& exact = methods[0];
      ASSERT_EQ(exact["method"], "exact");
      EXPECT_LE(exact["gap"], 0.2) << task << " on " << soc;
      for (const Json& method : methods) {
        ASSERT_TRUE(method.contains("latency_ms") || method.contains("why_not"));
        if (method.contains("why_not")) continue;
        EXPECT_LE(exact["latency_ms"], method["latency_ms"]) << method["method"];
        EXPECT_GT(method["energy_mj"], 0) << method["method"];
      }
      for (const Json& one : exact["operators"]) {
        double sum = 0;
        for (const auto& [processor, share] : one["processor_shares"].items()) sum += share.get<double>();
        EXPECT_DOUBLE_EQ(sum, 1) << one["name"];
      }
    }
  }
}

// A GPU that throttles: placements that follow it are near the oracle's, and the same at every call.
TEST(PlaceCommand, PlacementsFollowAMachineThatChanges) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "p.json";
  const auto ways = [&]() -> Json {
    const CliResult result =
        run_cli({"place", demo_zoo() + "/image/dense/model.xml", "--soc", "jetson-agx-orin", "--trace",
                 std::string(SPARSELOOM_SOURCE_DIR) + "/examples/states/throttling-gpu.trace", "--inferences", "1000",
                 "--place-ms", "1", "--json", file});
    EXPECT_EQ(result.status, 0) << result.err;
    Json trace = read_json(file).value()["trace"];
    EXPECT_EQ(trace["changes"], 5);
    for (Json& way : trace["ways"]) way.erase("place_ms");  // which is measured
    return trace["ways"];
  };
  const Json once = ways();
  ASSERT_EQ(once.size(), 4U);
  EXPECT_EQ(once[0]["way"], "oracle");
  EXPECT_EQ(once[0]["regret"], 0);
  for (const Json& way : once) EXPECT_LE(way["regret"], 0.1) << way["way"];
  EXPECT_EQ(once, ways());
}

// Measured times are no golden figures: what is placed on the cores at hand adds up, and no method beats `exact`.
TEST(PlaceCommand, ThisMachineIsMeasured) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "p.json";
  const CliResult result =
      run_cli({"place", demo_zoo() + "/image/int8/model.xml", "--soc", "host", "--method", "all", "--json", file});
  ASSERT_EQ(result.status, 0) << result.err;
  const Json json = read_json(file).value();
  EXPECT_EQ(json["modelled"], false);
  for (const Json& method : json["methods"]) {
    if (!method.contains("latency_ms")) continue;
    EXPECT_EQ(method["energy_mj"], nullptr) << "what is not measured is not known";
    EXPECT_LE(json["methods"][0]["latency_ms"], method["latency_ms"]);
  }
}

Json placed(const std::vector<std::string>& arguments) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "p.json";
  std::vector<std::string> all{"place"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  all.insert(all.end(), {"--json", file});
  const CliResult result = run_cli(all);
  EXPECT_EQ(result.status, 0) << result.err;
  return result.status == 0 ? read_json(file).value() : Json::object();
}

TEST(PlaceCommand, ABatchIsChosenForThroughputAndForEnergy) {
  const std::string model = demo_zoo() + "/image/dense/model.xml";
  const Json one = placed({model, "--soc", "jetson-orin-nano"});
  EXPECT_EQ(one["batch"], 1);
  EXPECT_FALSE(one.contains("batch_search"));
  for (const std::string objective : {"throughput", "energy"}) {
    const Json json = placed({model, "--soc", "jetson-orin-nano", "--latency-ms", "3", "--objective", objective});
    const Json& search = json["batch_search"];
    EXPECT_EQ(search["objective"], objective);
    EXPECT_EQ(search["latency_bound_ms"], 3);
    EXPECT_EQ(search["proven"], true);
    ASSERT_EQ(search["batches"].size(), 6U);
    EXPECT_EQ(search["batches"][0]["least_latency_ms"], one["methods"][0]["latency_ms"]);
    const char* const key = objective == "throughput" ? "throughput_per_s" : "energy_mj";
    const double sign = objective == "throughput" ? 1 : -1;
    for (const Json& batch : search["batches"]) {
      EXPECT_EQ(batch["keeps"], batch["least_latency_ms"] <= 3.0);
      if (batch["batch"] == json["batch"]) {
        EXPECT_LE(batch["latency_ms"], 3.0);
        EXPECT_DOUBLE_EQ(batch[key].get<double>(), search["value"].get<double>());
      } else if (batch["keeps"]) {
        EXPECT_LE(sign * batch[key].get<double>(), sign * search["value"].get<double>());
      }
    }
    EXPECT_EQ(search["operators"].size(), json["methods"][0]["operators"].size());
  }
}

// What a file with a free batch costs when it is read with another one is what its graph is made to cost.
TEST(PlaceCommand, ABatchMadeOfTheGraphIsTheBatchThatIsRead) {
  const TemporaryFolder folder;
  const std::string model = folder.path() / "m.onnx";
  ASSERT_TRUE(write_file(model, tiny_layers(3, "", -1).text()).ok());
  const Json read = placed({model, "--soc", "core-ultra-7-265k", "--method", "all", "--shape", "x=16,8"});
  const Json made = placed({model, "--soc", "core-ultra-7-265k", "--method", "all", "--batches", "16"});
  EXPECT_EQ(made["batch"], 16);
  ASSERT_EQ(read["methods"].size(), made["methods"].size());
  for (std::size_t m = 0; m < read["methods"].size(); ++m) {
    const Json &of_read = read["methods"][m], &of_made = made["methods"][m];
    ASSERT_EQ(of_read.contains("latency_ms"), of_made.contains("latency_ms"));
    if (of_read.contains("why_not")) continue;  // it goes by what is not given here
    EXPECT_DOUBLE_EQ(of_read["latency_ms"].get<double>(), of_made["latency_ms"].get<double>());
    EXPECT_DOUBLE_EQ(of_read["energy_mj"].get<double>(), 16 * of_made["energy_mj"].get<double>());
  }
}

TEST(PlaceCommand, BatchesAreMeasuredOnThisMachineWhereTheFileAllowsThem) {
  const TemporaryFolder folder;
  const std::string model = folder.path() / "m.onnx";
  ASSERT_TRUE(write_file(model, tiny_layers(2, "", -1).text()).ok());
  const Json json = placed({model, "--soc", "host", "--batches", "1,4"});
  EXPECT_EQ(json["modelled"], false);
  ASSERT_EQ(json["batch_search"]["batches"].size(), 2U);
  EXPECT_EQ(json["batch_search"]["batches"][1]["batch"], 4);
  EXPECT_EQ(json["batch_search"]["batches"][1]["energy_mj"], nullptr);
}

// A policy that is trained for a moment, by a seed: the same file every time, which `place` goes by.
TEST(PlaceCommand, ATrainedPolicyPlaces) {
  const TemporaryFolder folder;
  const std::string model = demo_zoo() + "/speech/dense/model.xml", report = folder.path() / "p.json";
  std::vector<std::string> files;
  for (const char* name : {"a.json", "b.json"}) {
    files.push_back(folder.path() / name);
    const CliResult trained = run_cli({"place", "train-sac", model, "--soc", "jetson-agx-orin", "--steps", "3000",
                                       "--seed", "7", "--out", files.back(), "--json", report});
    ASSERT_EQ(trained.status, 0) << trained.err;
  }
  EXPECT_EQ(read_file(files[0]).value(), read_file(files[1]).value());
  const Json curve = read_json(report).value();
  EXPECT_EQ(curve["states"].size(), 9U);
  for (const Json& state : curve["states"]) EXPECT_GE(state["roll_outs_over_exact"].get<double>(), 1 - 1e-9);
  const CliResult placed = run_cli(
      {"place", model, "--soc", "jetson-agx-orin", "--method", "sparoa-sac", "--policy", files[0], "--json", report});
  ASSERT_EQ(placed.status, 0) << placed.err;
  EXPECT_GT(read_json(report).value()["methods"][0]["latency_ms"], 0);
  expect_one_line_error(run_cli({"place", model, "--soc", "jetson-agx-orin", "--method", "sparoa-sac", "--policy",
                                 files[0], "--cost-model", "additive"}),
                        1, {"for the cost model 'makespan', not for 'additive'"});
}

}  // namespace
}  // namespace sparseloom::testing
