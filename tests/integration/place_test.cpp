// Placing the demo zoo's models on the machines that ship: no method is better than `exact`, and what it says adds up.
#include <gmock/gmock.h>

#include "sparseloom/place/placers.h"
#include "tests/errors/cli.h"

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
      }
      for (const Json& one : exact["operators"]) {
        double sum = 0;
        for (const auto& [processor, share] : one["processor_shares"].items()) sum += share.get<double>();
        EXPECT_DOUBLE_EQ(sum, 1) << one["name"];
      }
    }
  }
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
    EXPECT_LE(json["methods"][0]["latency_ms"], method["latency_ms"]);
  }
}

}  // namespace
}  // namespace sparseloom::testing
