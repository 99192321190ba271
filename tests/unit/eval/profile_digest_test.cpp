#include "sparseloom/eval/profile_digest.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace sparseloom::eval {
namespace {

const zoo::VariantId kVariant(1);
const zoo::StageId kStage(0);
const soc::ProcessorId kProcessor(1);

profile::Profile small_profile() {
  zoo::Zoo zoo;
  zoo::Task& task = zoo.tasks.emplace_back();
  task.cuts.resize(1);
  task.variants.resize(2);
  soc::Soc soc;
  soc.processors = {{.name = "cpu0"}, {.name = "cpu1"}};
  profile::Profile profile = profile::empty_profile(zoo, soc);
  profile.contention = profile::Contention(zoo, soc);
  profile.contention.set_scatter({1, 1});
  return profile;
}

TEST(ProfileDigest, IsOfEverythingThatWasMeasured) {
  const std::vector<std::function<void(profile::Profile&)>> changes{
      [](auto&) {},
      [](auto& p) {
        p.tasks[0].set_latency(kVariant, kStage, kProcessor, soc::Backend::kSparse, {from_ms(1), {}, {}, 1, {}});
      },
      [](auto& p) {
        p.tasks[0].set_latency(kVariant, kStage, kProcessor, soc::Backend::kSparse, {from_ms(2), {}, {}, 1, {}});
      },
      [](auto& p) {
        p.tasks[0].set_accuracy({kVariant, kVariant}, {3, 4});
      },
      [](auto& p) {
        p.tasks[0].set_accuracy_test({kVariant, kVariant}, {3, 4});
      },
      [](auto& p) {
        p.tasks[0].set_accuracy_estimate({kVariant, kVariant}, {0.75, 0.7});
      },
      [](auto& p) {
        p.tasks[0].set_sparsity(kVariant, kStage, {0.5, 10});
      },
      [](auto& p) { p.transfer_latency = from_ms(1); },
      [](auto& p) {
        p.contention.set_slowdown({{}, kStage, {}}, {{}, kStage, kProcessor}, 1.2);
      },
      [](auto& p) {
        p.contention.set_cold({{}, kStage, kProcessor}, {{from_ms(1), from_ms(2)}});
      },
  };
  std::set<std::string> digests;
  for (const auto& change : changes) {
    profile::Profile profile = small_profile();
    change(profile);
    digests.insert(profile_digest(profile));
  }
  EXPECT_EQ(digests.size(), changes.size());
  EXPECT_EQ(profile_digest(small_profile()), profile_digest(small_profile()));
}

}  // namespace
}  // namespace sparseloom::eval
