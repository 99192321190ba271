// The engine with real models: answers through the pipeline are those of the stitched chain run by hand, and switching
// plans while it serves loses nothing and mixes nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <thread>

#include "sparseloom/engine/engine.h"
#include "sparseloom/engine/engine_player.h"
#include "sparseloom/soc/discover.h"
#include "tests/support/made_up_zoo.h"

namespace sparseloom::engine {
namespace {

using Bytes_ = std::vector<std::byte>;

struct DemoZoo {
  DemoZoo()
      : runtime(backend::make_runtime("openvino").value()),
        zoo(zoo::load_zoo(std::string(SPARSELOOM_SOURCE_DIR) + "/zoos/demo").value()),
        soc(soc::discover(*runtime).value()),
        pieces(zoo, *runtime, folder.path() / "pieces"),
        residency(*runtime, soc, pieces, {}) {
    for (const zoo::Task& task : zoo.tasks) {
      data.push_back(std::make_unique<zoo::Dataset>(zoo::Dataset::load(zoo, task, task.test).value()));
      samples.push_back(samples_of(*data.back(), task.inputs.size()));
    }
  }
  // Stage i of every task: variant (first + i * step) mod V on processor (i + shift) mod P, by a provider it offers.
  std::shared_ptr<const plan::Plan> plan(std::size_t first, std::size_t step, std::size_t shift,
                                         backend::Provider provider = backend::Provider::kOpenVino) const {
    auto plan = std::make_shared<plan::Plan>();
    for (const zoo::Task& task : zoo.tasks) {
      plan::TaskPlan& chosen = plan->tasks.emplace_back();
      chosen.pooled = (plan->tasks.size() + shift) % 2 == 0;
      for (std::size_t i = 0; i < task.stages(); ++i) {
        chosen.sigma.emplace_back((first + i * step) % task.variants.size());
        chosen.placement.emplace_back((i + shift) % soc.processors.size());
        const auto& offered = soc.processor(chosen.placement.back()).providers;
        chosen.providers.push_back(
            std::find(offered.begin(), offered.end(), provider) != offered.end() ? provider : offered.front());
        chosen.estimates.push_back({.latency = from_ms(1), .model_latency = from_ms(1)});
      }
    }
    return plan;
  }
  /// A task's output for one sample under a plan, its pieces run one after another on this thread.
  Bytes_ by_hand(std::size_t task, const plan::TaskPlan& plan, std::size_t sample) {
    std::vector<HostBuffer> tensors;
    for (const auto& input : samples[task].inputs[sample]) {
      std::memcpy(tensors.emplace_back(input.size()).data(), input.data(), input.size());
    }
    for (std::size_t i = 0; i < plan.sigma.size(); ++i) {
      const SubgraphKey key{zoo::TaskId(task), plan.sigma[i], zoo::StageId(i), plan.placement[i], plan.providers[i]};
      auto executable = residency.get(key).value();
      auto session = executable->new_session().value();
      std::vector<HostBuffer> outputs;
      for (std::size_t k = 0; k < tensors.size(); ++k) EXPECT_TRUE(session->bind_input(k, tensors[k].span()).ok());
      for (std::size_t k = 0; k < executable->outputs().size(); ++k) {
        HostBuffer& buffer = outputs.emplace_back(executable->outputs()[k].bytes());
        EXPECT_TRUE(session->bind_output(k, buffer.span()).ok());
      }
      EXPECT_TRUE(session->run().ok());
      tensors = std::move(outputs);
    }
    return {tensors[0].span().begin(), tensors[0].span().end()};
  }

  testing::TemporaryFolder folder;
  std::unique_ptr<backend::Runtime> runtime;
  zoo::Zoo zoo;
  soc::Soc soc;
  zoo::PieceStore pieces;
  Residency residency;
  std::vector<std::unique_ptr<zoo::Dataset>> data;
  std::vector<TaskSamples> samples;
};

TEST(EngineWithRealModels, SwitchingUnderLoadAnswersEveryRequestAsItsOwnPlanWould) {
  DemoZoo demo;
  const std::vector<std::shared_ptr<const plan::Plan>> plans{demo.plan(0, 0, 0),
                                                             demo.plan(3, 1, 1, backend::Provider::kSparse)};
  struct Answer {
    std::size_t task, sample, plan;
    Bytes_ output;
  };
  std::vector<Answer> answers;
  std::vector<int> times_answered;
  constexpr std::size_t kRounds = 40, kSamples = 5;
  {
    const auto engine = Engine::start(demo.zoo, demo.soc, demo.residency, plans[0], {}, [&](const Completion& c) {
      EXPECT_TRUE(c.status.ok()) << c.status.message();
      answers.push_back(
          {c.request.task.index(), c.request.id.index(), c.plan_version % 2, {c.output().begin(), c.output().end()}});
    });
    ASSERT_TRUE(engine.ok()) << engine.status().message();
    ASSERT_TRUE((*engine)->prepare(*plans[1]).ok());
    for (std::size_t round = 1; round <= kRounds; ++round) {
      for (std::size_t t = 0; t < demo.zoo.tasks.size(); ++t) {
        sched::Request request;
        request.task = zoo::TaskId(t);
        const std::size_t sample = round % kSamples;
        request.id = sched::RequestId(sample);
        ASSERT_TRUE((*engine)->submit(request, demo.samples[t].inputs[sample]).ok());
      }
      if (round % 4 != 0) continue;
      ASSERT_TRUE((*engine)->switch_plan(plans[(*engine)->plan_version() % 2 == 0 ? 1 : 0]).ok());
    }
  }
  ASSERT_EQ(answers.size(), kRounds * demo.zoo.tasks.size());
  std::map<std::tuple<std::size_t, std::size_t, std::size_t>, Bytes_> expected;
  for (const Answer& a : answers) {
    Bytes_& want = expected[{a.task, a.sample, a.plan}];
    if (want.empty()) want = demo.by_hand(a.task, plans[a.plan]->tasks[a.task], a.sample);
    EXPECT_EQ(a.output, want) << demo.zoo.tasks[a.task].name << " sample " << a.sample << " plan " << a.plan;
  }
}

TEST(EngineWithRealModels, PlayedSamplesAreAnsweredAboutAsWellAsTheZooSays) {
  DemoZoo demo;
  auto player = EnginePlayer::start(
      {.zoo = demo.zoo, .soc = demo.soc, .residency = demo.residency, .samples = demo.samples, .engine = {}},
      demo.plan(0, 0, 0));
  ASSERT_TRUE(player.ok()) << player.status().message();
  sched::Workload workload;
  constexpr std::size_t kRequests = 200;
  for (std::size_t t = 0; t < demo.zoo.tasks.size(); ++t) {
    sched::Arrivals a;
    a.task = zoo::TaskId(t);
    a.kind = sched::Arrivals::Kind::kClosedLoop;
    a.requests = kRequests;
    a.outstanding = 3;
    workload.arrivals.push_back(a);
  }
  std::vector<double> correct(demo.zoo.tasks.size(), 0);
  const auto records =
      (*player)->play(workload, std::vector<plan::Slo>(demo.zoo.tasks.size(), plan::Slo{0, Seconds(1)}));
  EXPECT_EQ(records.size(), kRequests * demo.zoo.tasks.size());
  for (const Record& r : records) {
    correct[r.task.index()] += r.predicted == demo.samples[r.task.index()].labels[r.sample] ? 1 : 0;
  }
  for (std::size_t t = 0; t < demo.zoo.tasks.size(); ++t) {
    // 200 of the split's samples: five standard errors of a share are at most 0.18; a wrong stitch answers at random.
    EXPECT_NEAR(correct[t] / kRequests, demo.zoo.tasks[t].variants[0].accuracy_test, 0.18) << demo.zoo.tasks[t].name;
  }
}

}  // namespace
}  // namespace sparseloom::engine
