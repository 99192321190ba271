#include "sparseloom/backend/hybrid/crew.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "sparseloom/backend/hybrid/hybrid.h"
#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "tests/support/sleeping_thread.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::backend {
namespace {

using sparseloom::testing::SleepingThread;
using sparseloom::testing::TemporaryFolder;
using ::testing::Each;
using ::testing::HasSubstr;

TEST(Crew, EveryMemberDoesEveryJobOnce) {
  const auto crew = Crew::start({{}, {}, {}}).value();
  std::array<int, 3> done{};
  for (int job = 0; job < 1000; ++job) crew->run([&](std::size_t member) { ++done[member]; });
  EXPECT_THAT(done, Each(1000));
}

TEST(Crew, ItsCountOfJobsMayGoRound) {
  const auto crew = Crew::start({{}, {}}, std::numeric_limits<std::uint32_t>::max() - 2).value();
  std::array<int, 2> done{};
  for (int job = 0; job < 8; ++job) crew->run([&](std::size_t member) { ++done[member]; });
  EXPECT_THAT(done, Each(8));
}

TEST(Crew, EndsWithoutAJob) { EXPECT_TRUE(Crew::start({{}, {}}).ok()); }

TEST(Milestone, WakesWhoeverSleepsUntilItIsReached) {
  Milestone milestone;
  bool passed = false;
  SleepingThread waiter([&] {
    milestone.wait(2);
    passed = true;
  });
  waiter.until_asleep();
  milestone.reach(1);
  milestone.reach(2);
  waiter.join();
  EXPECT_TRUE(passed);
}

// A member whose step fails says so; the others do not wait for it, and the next run is another one.
TEST(HybridSession, AStepThatFailsIsNamedAndNobodyHangs) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "m.json";
  const TensorSpec x{"x", ElementType::kF32, {1, 16}};
  TensorSpec h = x, y = x;
  h.name = "h";
  y.name = "y";
  ASSERT_TRUE(write_scripted_model(path, {.inputs = {x}, .between = {{h}}, .outputs = {y}, .fail = "broken"}).ok());
  const auto runtime = make_scripted_runtime();
  const auto model = runtime->read(path).value();
  const Graph& graph = model->graph();
  EdgeId middle(0);
  for (std::size_t e = 0; e < graph.edges.size(); ++e)
    if (graph.edges[e].spec.name == "h") middle = EdgeId(e);
  HybridMember member;
  member.options.provider = Provider::kScripted;
  const HybridPlan plan{{0, {graph.inputs[0]}, {middle}}, {1, {middle}, {graph.outputs[0]}}};
  const auto hybrid = compile_hybrid(*runtime, *model, plan, {member, member});
  ASSERT_TRUE(hybrid.ok()) << hybrid.status().message();
  const auto session = (*hybrid)->new_session().value();
  HostBuffer in(x.bytes()), out(y.bytes());
  ASSERT_TRUE(session->bind_input(0, in.span()).ok());
  ASSERT_TRUE(session->bind_output(0, out.span()).ok());
  for (int again = 0; again < 2; ++again) {
    const Status status = session->run();
    EXPECT_EQ(status.code(), Code::kInternal);
    EXPECT_THAT(status.message(), HasSubstr("step 0 ('h')"));
    EXPECT_THAT(status.message(), HasSubstr("broken"));
  }
}

}  // namespace
}  // namespace sparseloom::backend
