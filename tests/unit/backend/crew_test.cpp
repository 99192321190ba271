#include "sparseloom/backend/hybrid/crew.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "sparseloom/backend/hybrid/hybrid.h"
#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "tests/support/fake_executable.h"
#include "tests/support/forwarding_runtime.h"
#include "tests/support/sleeping_thread.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::backend {
namespace {

using sparseloom::testing::FakeCounts;
using sparseloom::testing::FakeExecutable;
using sparseloom::testing::ForwardingRuntime;
using sparseloom::testing::SleepingThread;
using sparseloom::testing::TemporaryFolder;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Gt;
using ::testing::IsEmpty;
using ::testing::SizeIs;

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

// Two members, one step each, of a model x -> h -> y that runs nothing.
class HybridSession : public ::testing::Test {
 protected:
  // Compiles every piece to what calls `step`.
  class Runtime final : public ForwardingRuntime {
   public:
    Result<std::unique_ptr<Executable>> compile(const Model& model, const CompileOptions&) const override {
      const Graph& graph = model.graph();
      return std::unique_ptr<Executable>(std::make_unique<FakeExecutable>(
          graph.edge(graph.inputs[0]).spec, graph.edge(graph.outputs[0]).spec,
          [this](std::span<const float>, std::span<float>) { return step(); }, counts));
    }
    std::function<Status()> step = [] { return Status(); };
    mutable FakeCounts counts;
  };

  HybridSession() {
    const TensorSpec x{"x", ElementType::kF32, {1, 16}}, h{"h", ElementType::kF32, {1, 16}},
        y{"y", ElementType::kF32, {1, 16}};
    const auto path = folder_.path() / "m.json";
    EXPECT_TRUE(write_scripted_model(path, {.inputs = {x}, .between = {{h}}, .outputs = {y}, .fail = {}}).ok());
    const auto model = runtime_.read(path, {}).value();
    const Graph& graph = model->graph();
    EdgeId middle(0);
    for (std::size_t e = 0; e < graph.edges.size(); ++e)
      if (graph.edges[e].spec.name == "h") middle = EdgeId(e);
    const HybridPlan plan{{0, {graph.inputs[0]}, {middle}}, {1, {middle}, {graph.outputs[0]}}};
    const HybridPlan alone{{1, {graph.inputs[0]}, {graph.outputs[0]}}};
    const auto next = [this](const HybridRun& run) {
      runs_.push_back(run);
      return next_plan_;
    };
    hybrid_ = compile_hybrid(runtime_, *model, {{CompileOptions(), CompileOptions()}, {plan, alone}, next}).value();
    session_ = hybrid_->new_session().value();
    EXPECT_TRUE(session_->bind_input(0, in_.span()).ok());
    EXPECT_TRUE(session_->bind_output(0, out_.span()).ok());
  }

  TemporaryFolder folder_;
  Runtime runtime_;
  HostBuffer in_{std::size_t{64}}, out_{std::size_t{64}};
  std::vector<HybridRun> runs_;
  std::size_t next_plan_ = 0;
  std::unique_ptr<Executable> hybrid_;
  std::unique_ptr<Session> session_;
};

// The others do not wait for it, and the next run is another one.
TEST_F(HybridSession, AStepThatFailsIsNamedAndNobodyHangs) {
  runtime_.step = [] { return Status(Code::kInternal, "broken"); };
  for (int again = 0; again < 2; ++again) {
    const Status status = session_->run();
    EXPECT_EQ(status.code(), Code::kInternal);
    EXPECT_EQ(status.message(), "step 0 ('h'): broken");
  }
  EXPECT_EQ(runtime_.counts.runs, 2) << "the second member's step was left out";
  EXPECT_THAT(runs_, IsEmpty());
  runtime_.step = [] { return Status(); };
  EXPECT_TRUE(session_->run().ok());
}

TEST_F(HybridSession, ARunThatIsCancelledEndsBetweenTwoSteps) {
  runtime_.step = [this] {
    session_->cancel();
    return Status();
  };
  const Status status = session_->run();
  EXPECT_EQ(status.code(), Code::kCancelled);
  EXPECT_EQ(runtime_.counts.runs, 1);
  runtime_.step = [] { return Status(); };
  EXPECT_TRUE(session_->run().ok()) << "another run";
}

TEST_F(HybridSession, TellsWhatARunKeptBusy) {
  ASSERT_TRUE(session_->run().ok());
  ASSERT_THAT(runs_, SizeIs(1));
  EXPECT_THAT(runs_[0].members, ElementsAre(Gt(0), Gt(0)));
  EXPECT_EQ(runs_[0].copies, 0) << "one memory";
}

TEST_F(HybridSession, AnotherPlanIsExecutedFromTheNextRunOn) {
  next_plan_ = 1;
  for (int run = 0; run < 3; ++run) ASSERT_TRUE(session_->run().ok());
  ASSERT_THAT(runs_, SizeIs(3));
  EXPECT_EQ(runs_[0].plan, 0U);
  EXPECT_EQ(runs_[1].plan, 1U);
  EXPECT_THAT(runs_[1].members, ElementsAre(0, Gt(0))) << "the second member alone";
  EXPECT_EQ(runtime_.counts.runs, 2 + 1 + 1);
}

}  // namespace
}  // namespace sparseloom::backend
