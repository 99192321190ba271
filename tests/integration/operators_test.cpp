// What the operators of real models read, on real data.
#include <gmock/gmock.h>

#include <algorithm>

#include "sparseloom/zoo/dataset.h"
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

Json operators_of(const std::vector<std::string>& words) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "o.json";
  std::vector<std::string> all{"operators"};
  all.insert(all.end(), words.begin(), words.end());
  all.insert(all.end(), {"--json", file});
  const CliResult result = run_cli(all);
  EXPECT_EQ(result.status, 0) << result.err;
  const auto json = read_json(file);
  return json.ok() ? *json : Json::object();
}

TEST(OperatorsCommand, ZerosOfTheModelsInputAreThoseOfItsData) {
  const Json json = operators_of({"--task", "image", "--zoo", demo_zoo(), "--samples", "20"});
  const auto file = demo_zoo() + "/image/data/profile_pixels.npy";
  const zoo::NpyArray data = zoo::parse_npy(read_file(file).value(), file).value();
  ASSERT_EQ(data.type, ElementType::kU8);
  const std::size_t twenty = 20 * data.data.size() / static_cast<std::size_t>(data.shape.front());
  const auto zeros = std::count(data.data.data(), data.data.data() + twenty, std::byte{0});
  EXPECT_EQ(json["samples"], 20);
  EXPECT_TRUE(json["times"].is_null());
  EXPECT_NEAR(json["groups"][0]["reads"][0]["zeros"].get<double>(),
              static_cast<double>(zeros) / static_cast<double>(twenty), 1e-9);
}

TEST(OperatorsCommand, AFileHasNoDataAndAMachineGivesTimes) {
  const Json json = operators_of({demo_zoo() + "/speech/dense/model.xml", "--soc", "jetson-agx-orin"});
  EXPECT_EQ(json["times"], "modelled");
  ASSERT_FALSE(json["groups"].empty());
  for (const Json& group : json["groups"]) {
    EXPECT_TRUE(group["activation_sparsity"].is_null());
    ASSERT_EQ(group["processors"].size(), 2U);
    EXPECT_GT(group["processors"][0]["ms_by_quarters"][4], 0);
  }
}

TEST(OperatorsCommand, ATableHasALinePerGroupAndProcessor) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "o.csv";
  const std::string model = demo_zoo() + "/speech/dense/model.xml";
  const Json json = operators_of({model, "--soc", "jetson-agx-orin", "--csv", file});
  const std::string csv = read_file(file).value();
  EXPECT_EQ(static_cast<std::size_t>(std::count(csv.begin(), csv.end(), '\n')), 1 + 2 * json["groups"].size());
  EXPECT_THAT(csv, ::testing::StartsWith("name,kind,writes,operations,bytes,intensity,"));
  EXPECT_THAT(csv, ::testing::HasSubstr(json["groups"][0]["processors"][0]["name"].get<std::string>()));
}

TEST(OperatorsCommand, TheHostsTimesAreMeasuredAndThePageHasAPointPerKind) {
  const TemporaryFolder folder;
  const std::string page = folder.path() / "o.html";
  const Json json =
      operators_of({"--task", "image", "--zoo", demo_zoo(), "--samples", "2", "--soc", "host", "--html", page});
  EXPECT_EQ(json["times"], "measured");
  for (const Json& group : json["groups"]) EXPECT_GT(group["processors"][0]["ms_by_quarters"][4], 0);
  EXPECT_THAT(read_file(page).value(),
              ::testing::AllOf(::testing::HasSubstr("Convolution"), ::testing::HasSubstr("<svg")));
}

TEST(OperatorsCommand, APageOfZerosNeedsData) {
  expect_one_line_error(run_cli({"operators", demo_zoo() + "/speech/dense/model.xml", "--html", "/tmp/o.html"}), 2,
                        {"--html", "--task"});
}

}  // namespace
}  // namespace sparseloom::testing
