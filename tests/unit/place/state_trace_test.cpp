// The text that says how a machine changes: what it means, and what is wrong with it by line.
#include "sparseloom/place/adapt/state_trace.h"

#include <gmock/gmock.h>

namespace sparseloom::place {
namespace {

using ::testing::ElementsAre;

const std::vector<PlacedProcessor> kTwoCores{{"cpu0", ProcessorKind::kCpu, 0}, {"cpu1", ProcessorKind::kCpu, 0}};
const std::vector<PlacedProcessor> kCpuAndGpu{{"cpu", ProcessorKind::kCpu, 0}, {"gpu", ProcessorKind::kGpu, 1}};

StateTrace read_trace(std::string_view text, const std::vector<PlacedProcessor>& processors = kCpuAndGpu) {
  auto trace = parse_state_trace(text, processors, "t");
  EXPECT_TRUE(trace.ok()) << trace.status().message();
  return trace.ok() ? std::move(trace).value() : StateTrace{};
}

TEST(StateTraces, BeginAsUsualAndKeepWhatALineDoesNotName) {
  const StateTrace trace = read_trace(
      "# heat\n"
      "\n"
      "at 0.5 s  gpu 2.5   # a comment\r\n"
      "at 1500 ms memory 1.5 cpu 2\n"
      "end 5 s\n");
  ASSERT_EQ(trace.changes.size(), 3U);
  EXPECT_EQ(trace.changes[0].at, Seconds(0));
  EXPECT_THAT(trace.changes[0].state.slow_down, ElementsAre(1, 1));
  EXPECT_EQ(trace.changes[1].at, Seconds(0.5));
  EXPECT_THAT(trace.changes[1].state.slow_down, ElementsAre(1, 2.5));
  EXPECT_EQ(trace.changes[1].state.memory_slow_down, 1);
  EXPECT_EQ(trace.changes[2].at, Seconds(1.5));
  EXPECT_THAT(trace.changes[2].state.slow_down, ElementsAre(2, 2.5));
  EXPECT_EQ(trace.changes[2].state.memory_slow_down, 1.5);
  EXPECT_EQ(trace.end, Seconds(5));
}

TEST(StateTraces, MayBeginWithAnotherState) {
  const StateTrace trace = read_trace("at 0 s cpu 2\nend 1 s");
  ASSERT_EQ(trace.changes.size(), 1U);
  EXPECT_THAT(trace.changes[0].state.slow_down, ElementsAre(2, 1));
}

TEST(StateTraces, AKindIsAllProcessorsOfIt) {
  EXPECT_THAT(read_trace("at 1 s cpu 2\nend 2 s", kTwoCores).changes[1].state.slow_down, ElementsAre(2, 2));
  EXPECT_THAT(read_trace("at 1 s cpu1 2\nend 2 s", kTwoCores).changes[1].state.slow_down, ElementsAre(1, 2));
}

TEST(StateTraces, Stretched) {
  const StateTrace trace = stretched(read_trace("at 1 s cpu 2\nend 3 s"), 0.5);
  EXPECT_EQ(trace.changes[1].at, Seconds(0.5));
  EXPECT_EQ(trace.end, Seconds(1.5));
}

TEST(StateTraces, MistakesAreNamedByLine) {
  const std::vector<std::pair<std::string_view, std::string_view>> wrong{
      {"", "t: no line 'end TIME s'"},
      {"at 1 s cpu 2", "t: no line 'end TIME s'"},
      {"# x\nupto 1 s cpu 2\nend 2 s", "t:2: 'upto': not known; allowed: at, end"},
      {"at", "t:1: 'at' without a time; allowed: at TIME s"},
      {"end 2", "t:1: 'end' without a time; allowed: end TIME s"},
      {"at 1 h cpu 2", "t:1: time '1 h'; allowed: a number of s or of ms"},
      {"at soon s cpu 2", "t:1: time 'soon s'; allowed: 0..1000000 s"},
      {"at nan s cpu 2", "t:1: time 'nan s'; allowed: 0..1000000 s"},
      {"at -1 s cpu 2", "t:1: time '-1 s'; allowed: 0..1000000 s"},
      {"end 2e6 s", "t:1: time '2e6 s'; allowed: 0..1000000 s"},
      {"at 1 s", "t:1: 0 words behind the time; allowed: pairs of a name and a slow-down"},
      {"at 1 s cpu", "t:1: 1 words behind the time; allowed: pairs of a name and a slow-down"},
      {"at 1 s npu 2", "t:1: 'npu': not known; allowed: cpu, gpu, memory"},
      {"at 1 s cpu fast", "t:1: slow-down 'fast' of cpu; allowed: 0.01..1000"},
      {"at 1 s cpu 0", "t:1: slow-down '0' of cpu; allowed: 0.01..1000"},
      {"at 1 s memory inf", "t:1: slow-down 'inf' of memory; allowed: 0.01..1000"},
      {"at 1 s cpu 2 cpu 3", "t:1: a second slow-down of cpu; allowed: one"},
      {"at 1 s cpu 2\nat 1 s gpu 2", "t:2: time 1 s after 1 s; allowed: later ones"},
      {"at 1 s cpu 2\nat 900 ms gpu 2", "t:2: time 0.9 s after 1 s; allowed: later ones"},
      {"at 1 s cpu 2\nend 1 s", "t:2: time 1 s after 1 s; allowed: later ones"},
      {"end 0 s", "t:1: time 0 s after 0 s; allowed: later ones"},
      {"end 1 s now", "t:1: 'now' behind the time; allowed: nothing"},
      {"end 1 s\nat 2 s cpu 2", "t:2: 'at' behind the end; allowed: nothing"}};
  for (const auto& [text, message] : wrong) {
    const auto trace = parse_state_trace(text, kCpuAndGpu, "t");
    ASSERT_FALSE(trace.ok()) << text;
    EXPECT_EQ(trace.status().code(), Code::kMalformed);
    EXPECT_EQ(trace.status().message(), message) << text;
  }
  EXPECT_EQ(parse_state_trace("at 1 s gpu 2\nend 2 s", kTwoCores, "t").status().message(),
            "t:1: 'gpu': not known; allowed: cpu0, cpu1, cpu, memory");
  EXPECT_EQ(parse_state_trace(std::string(200'000, '\n'), kCpuAndGpu, "t").status().message(),
            "t:100001: one more; allowed: at most 100000 lines");
}

}  // namespace
}  // namespace sparseloom::place
