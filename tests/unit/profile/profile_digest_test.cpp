#include "sparseloom/profile/profile_digest.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace sparseloom::profile {
namespace {

const zoo::VariantId kVariant(1);
const zoo::StageId kStage(0);
const soc::ProcessorId kProcessor(1);

Profile small_profile() {
  zoo::Zoo zoo;
  zoo::Task& task = zoo.tasks.emplace_back();
  task.cuts.resize(1);
  task.variants.resize(2);
  soc::Soc soc;
  soc.processors = {{.name = "cpu0"}, {.name = "cpu1"}};
  Profile profile = empty_profile(zoo, soc);
  profile.contention = Contention(zoo, soc);
  profile.contention.set_variability({1, 1});
  return profile;
}

using Change = std::function<void(Profile&)>;

// What planners read ...
const std::vector<Change> kPlanned{
    [](auto& p) {
      p.tasks[0].set_latency(kVariant, kStage, kProcessor, backend::Provider::kSparse, {from_ms(1), {}, {}, 1, {}});
    },
    [](auto& p) {
      p.tasks[0].set_latency(kVariant, kStage, kProcessor, backend::Provider::kSparse, {from_ms(2), {}, {}, 1, {}});
    },
    [](auto& p) {
      p.tasks[0].set_accuracy({kVariant, kVariant}, {3, 4});
    },
    [](auto& p) {
      p.tasks[0].set_accuracy_estimate({kVariant, kVariant}, {0.75, 0.7});
    },
    [](auto& p) {
      p.tasks[0].set_sparsity(kVariant, kStage, {0.5, 10});
    },
    [](auto& p) { p.transfer_latency = from_ms(1); },
    [](auto& p) { p.use_estimates = EstimateUse::kLower; },
    [](auto& p) {
      p.contention.set_cold_penalties({{}, kStage, kProcessor}, {{from_ms(1), from_ms(2)}});
    },
};
// ... and what only simulations and reports do.
const std::vector<Change> kBesides{
    [](auto& p) {
      p.tasks[0].set_latency(kVariant, kStage, kProcessor, backend::Provider::kSparse, {{}, {}, from_ms(3), {}, {}});
    },
    [](auto& p) {
      p.tasks[0].set_accuracy_test({kVariant, kVariant}, {3, 4});
    },
    [](auto& p) {
      p.contention.set_slowdown({{}, kStage, {}}, {{}, kStage, kProcessor}, 1.2);
    },
    [](auto& p) {
      p.contention.set_variability({1, 2});
    },
};

std::string digest_after(const Change& change, Covers covers) {
  Profile profile = small_profile();
  change(profile);
  return profile_digest(profile, covers);
}

TEST(ProfileDigest, IsOfEverythingThatWasMeasured) {
  std::set<std::string> digests{profile_digest(small_profile(), Covers::kEverything)};
  for (const Change& change : kPlanned) digests.insert(digest_after(change, Covers::kEverything));
  for (const Change& change : kBesides) digests.insert(digest_after(change, Covers::kEverything));
  EXPECT_EQ(digests.size(), 1 + kPlanned.size() + kBesides.size());
}

TEST(ProfileDigest, OfPlansIsOfWhatPlannersReadAlone) {
  const std::string unchanged = profile_digest(small_profile(), Covers::kPlans);
  std::set<std::string> digests{unchanged};
  for (const Change& change : kPlanned) digests.insert(digest_after(change, Covers::kPlans));
  EXPECT_EQ(digests.size(), 1 + kPlanned.size());
  for (const Change& change : kBesides) EXPECT_EQ(digest_after(change, Covers::kPlans), unchanged);
}

}  // namespace
}  // namespace sparseloom::profile
