#include "sparseloom/profile/profile.h"

#include <gmock/gmock.h>

#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/profile/measure/memory.h"
#include "sparseloom/profile/stitched.h"

namespace sparseloom::profile {
namespace {

TEST(TaskProfile, EnumeratesStitchedVariantsLastStageFastest) {
  const TaskProfile task(3, 2, 1);
  EXPECT_EQ(task.stitched(), 9U);
  EXPECT_EQ(task.sigma_at(0), (zoo::Sigma{zoo::VariantId(0), zoo::VariantId(0)}));
  EXPECT_EQ(task.sigma_at(1), (zoo::Sigma{zoo::VariantId(0), zoo::VariantId(1)}));
  EXPECT_EQ(task.sigma_at(3), (zoo::Sigma{zoo::VariantId(1), zoo::VariantId(0)}));
  for (std::size_t i = 0; i < task.stitched(); ++i) EXPECT_EQ(task.index_of(task.sigma_at(i)), i);
}

TEST(TaskProfile, KeepsWhatIsSetApart) {
  TaskProfile task(2, 2, 2);
  const auto provider = [](std::size_t n) {
    return n / 8 == 0 ? backend::Provider::kOpenVino : backend::Provider::kSparse;
  };
  for (std::size_t n = 0; n < 16; ++n) {
    task.set_latency(zoo::VariantId(n / 4 % 2), zoo::StageId(n / 2 % 2), soc::ProcessorId(n % 2), provider(n),
                     {.median = Seconds(static_cast<double>(n)), .q1 = {}, .q3 = {}, .count = 1, .resident = {}});
  }
  for (std::size_t n = 0; n < 16; ++n) {
    const Latency& kept =
        task.latency(zoo::VariantId(n / 4 % 2), zoo::StageId(n / 2 % 2), soc::ProcessorId(n % 2), provider(n));
    EXPECT_EQ(kept.median.count(), static_cast<double>(n));
  }
  for (std::size_t n = 0; n < 4; ++n) {
    task.set_sparsity(zoo::VariantId(n / 2), zoo::StageId(n % 2), {.mean = static_cast<double>(n) / 4, .samples = 1});
  }
  for (std::size_t n = 0; n < 4; ++n) {
    EXPECT_EQ(task.sparsity(zoo::VariantId(n / 2), zoo::StageId(n % 2)).mean, static_cast<double>(n) / 4);
  }
  task.set_accuracy(task.sigma_at(2), {3, 4});
  task.set_accuracy_test(task.sigma_at(1), {1, 4});
  EXPECT_EQ(task.accuracy(task.sigma_at(2)).fraction(), 0.75);
  EXPECT_EQ(task.accuracy(task.sigma_at(1)).samples, 0);
  EXPECT_EQ(task.accuracy_test(task.sigma_at(1)).fraction(), 0.25);
}

TEST(Summarize, MedianAndQuartilesByInterpolation) {
  const Latency l = summarize({Seconds(4), Seconds(1), Seconds(3), Seconds(2)});
  EXPECT_DOUBLE_EQ(l.median.count(), 2.5);
  EXPECT_DOUBLE_EQ(l.q1.count(), 1.75);
  EXPECT_DOUBLE_EQ(l.q3.count(), 3.25);
  EXPECT_EQ(l.count, 4);
  EXPECT_DOUBLE_EQ(summarize({Seconds(7)}).q3.count(), 7);
}

TEST(Interval95, IsWilsons) {
  const auto [low, high] = interval95({.correct = 80, .samples = 100});
  EXPECT_NEAR(low, 0.7112, 5e-4);  // Wilson score interval of 80/100, as tables give it
  EXPECT_NEAR(high, 0.8666, 5e-4);
  EXPECT_EQ(interval95({}).second, 1.0);
  EXPECT_GE(interval95({.correct = 0, .samples = 10}).first, 0.0);
  EXPECT_LE(interval95({.correct = 10, .samples = 10}).second, 1.0);
}

TEST(Memory, SeesWhatIsAllocatedAndFreed) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's allocator does not keep the C library's statistics";
#endif
  const Bytes before = memory_in_use({});
  auto block = std::make_unique<char[]>(5'000'000);
  block[0] = 1;
  const Bytes during = memory_in_use({});
  EXPECT_NEAR(static_cast<double>(growth(before, during).count), 5e6, 1e5);
  block.reset();
  EXPECT_LT(growth(before, memory_in_use({})).count, 100'000U);
  EXPECT_EQ(growth(during, before).count, 0U);
}

}  // namespace
}  // namespace sparseloom::profile
