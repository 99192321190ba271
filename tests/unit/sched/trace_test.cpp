#include "sparseloom/sched/trace.h"

#include <gtest/gtest.h>

#include "script.h"

namespace sparseloom::sched {
namespace {

Span span(std::size_t request, std::size_t stage, std::size_t processor, double start_us, double end_us) {
  Span s;
  s.dispatch.request = RequestId(request);
  s.dispatch.stage = zoo::StageId(stage);
  s.dispatch.variant = zoo::VariantId(2);
  s.dispatch.processor = soc::ProcessorId(processor);
  s.start = Seconds(start_us * 1e-6);
  s.end = Seconds(end_us * 1e-6);
  return s;
}

TEST(Trace, HasOneNamedTrackPerProcessorAndOneEventPerStage) {
  soc::Soc soc;
  soc.processors = {{.name = "cpu0"}, {.name = "cpu1"}};
  TraceSink trace(2);
  trace.record(span(5, 0, 0, 10, 30));
  trace.record(span(5, 1, 1, 30, 45));
  const Json json = trace.to_json(trace_names("a test", testing::made_up_zoo(2, 3, 4), soc));
  std::vector<Json> names, stages;
  for (const Json& event : json["traceEvents"]) {
    if (event["name"] == "thread_name") names.push_back(event["args"]["name"]);
    if (event["ph"] == "X") stages.push_back(event);
  }
  EXPECT_EQ(names, (std::vector<Json>{"cpu0", "cpu1"}));
  ASSERT_EQ(stages.size(), 2U);
  EXPECT_EQ(stages[1]["tid"], 1);
  EXPECT_NEAR(stages[1]["ts"].get<double>(), 30, 1e-9);
  EXPECT_NEAR(stages[1]["dur"].get<double>(), 15, 1e-9);
  EXPECT_EQ(stages[1]["args"]["request"], 5);
  EXPECT_EQ(stages[1]["args"]["task"], "a");
  EXPECT_EQ(stages[1]["args"]["variant"], "v2");
  EXPECT_EQ(stages[1]["args"]["stage"], 1);
}

TEST(Trace, CountsWhatItHasNoRoomFor) {
  TraceSink trace(1, 2);
  for (std::size_t i = 0; i < 5; ++i) trace.record(span(i, 0, 0, 0, 1));
  EXPECT_EQ(trace.spans(soc::ProcessorId(0)).size(), 2U);
  EXPECT_EQ(trace.dropped(), 3U);
}

}  // namespace
}  // namespace sparseloom::sched
