#include "sparseloom/plan/slo_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "small_world.h"

namespace sparseloom::plan {
namespace {

using ::testing::HasSubstr;

Result<SloConfig> parse(const std::string& text) {
  testing::World world = testing::world_of(1);
  for (const char* name : {"image", "speech"}) testing::add_task(world, name, 1, {{"dense", 1, 0.9}}, {});
  const auto json = parse_json(text, "slo.json");
  if (!json.ok()) return json.status();
  return parse_slos(*json, world.zoo, "slo.json");
}

std::string with_entries(const std::string& entries) { return R"({"format_version": 1, "slos": [)" + entries + "]}"; }

const std::string kImage = R"({"task": "image", "accuracy": 0.9, "latency_ms": 4})";
const std::string kSpeech = R"({"task": "speech", "accuracy": 0.8, "latency_ms": 6.5})";

TEST(SloFile, HasAPairOfBoundsForEveryTaskInAnyOrder) {
  const auto config = parse(with_entries(kSpeech + "," + kImage));
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->name, "slo.json");
  EXPECT_EQ(config->slos[0].accuracy, 0.9);
  EXPECT_EQ(config->slos[1].latency, from_ms(6.5));
}

TEST(SloFile, MayBoundLatencyAlone) {
  const auto config = parse(with_entries(kSpeech + R"(, {"task": "image", "latency_ms": 4})"));
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->slos[0].accuracy, 0);
  EXPECT_EQ(config->slos[0].latency, from_ms(4));
}

TEST(SloFile, MayBoundAccuracyAlone) {
  const auto config = parse(with_entries(kSpeech + R"(, {"task": "image", "accuracy": 0.9})"));
  ASSERT_TRUE(config.ok()) << config.status().message();
  EXPECT_EQ(config->slos[0].accuracy, 0.9);
  EXPECT_EQ(config->slos[0].latency, Seconds(0)) << "to be filled in";
}

TEST(SloFile, SaysWhatIsWrongAndWhere) {
  const auto problem = [](const std::string& text) {
    const auto config = parse(text);
    EXPECT_EQ(config.status().code(), Code::kMalformed) << text;
    return config.status().message();
  };
  EXPECT_THAT(problem(R"({"format_version": 2, "slos": []})"), HasSubstr("format_version: got 2"));
  EXPECT_THAT(problem(with_entries(kImage)), HasSubstr("slos: none for task 'speech'"));
  EXPECT_THAT(problem(with_entries(kImage + "," + kImage)), HasSubstr("slos[1]: task 'image' has an entry already"));
  EXPECT_THAT(problem(with_entries(R"({"task": "x", "accuracy": 1, "latency_ms": 1})")),
              HasSubstr("task: 'x': not known"));
  EXPECT_THAT(problem(with_entries(R"({"task": "image", "accuracy": 90, "latency_ms": 1})")), HasSubstr("got 90"));
  EXPECT_THAT(problem(with_entries(R"({"task": "image", "accuracy": 0.9, "latency_ms": 0})")), HasSubstr("got 0"));
  EXPECT_THAT(problem(with_entries(R"({"task": "image"})")), HasSubstr("latency_ms"));
  EXPECT_THAT(problem(with_entries(R"({"task": "image", "accuracy": 0.9, "latency_ms": 1, "p": 1})")), HasSubstr("p"));
}

}  // namespace
}  // namespace sparseloom::plan
