#include "sparseloom/profile/store/shipped.h"

#include <gmock/gmock.h>

#include <array>

#include "scripted_world.h"
#include "sparseloom/profile/measure/measure.h"

namespace sparseloom::profile {
namespace {

using sparseloom::testing::MadeUpZoo;
using ::testing::HasSubstr;

constexpr zoo::TaskId kToy{0};

TaskProfile full_profile() {
  TaskProfile profile(3, 3, 1);
  for (std::size_t i = 0; i < profile.stitched(); ++i) {
    profile.set_accuracy(profile.sigma_at(i), {static_cast<std::int64_t>(i % 9), 8});
    if (i % 2 == 0) profile.set_accuracy_test(profile.sigma_at(i), {static_cast<std::int64_t>(i % 8), 8});
  }
  for (std::size_t v = 0; v < 3; ++v) {  // what the made-up zoo states of its variants: 71..75 %
    const zoo::Sigma original(3, zoo::VariantId(v));
    profile.set_accuracy(original, {6, 8});
    profile.set_accuracy_test(original, {6, 8});
  }
  return profile;
}

TEST(Shipped, RoundTrip) {
  const MadeUpZoo made;
  TaskProfile empty(3, 3, 1);
  EXPECT_EQ(load_shipped(made.load(), kToy, empty).value(), Shipped::kAbsent);

  const TaskProfile profile = full_profile();
  const std::string fingerprint = made.load().fingerprint;
  ASSERT_TRUE(ship(made.load(), kToy, profile).ok());
  const zoo::Zoo zoo = made.load();
  EXPECT_EQ(zoo.fingerprint, fingerprint);
  EXPECT_TRUE(zoo::check_files(zoo).ok());
  TaskProfile loaded(3, 3, 1);
  ASSERT_EQ(load_shipped(zoo, kToy, loaded).value(), Shipped::kLoaded);
  for (std::size_t i = 0; i < profile.stitched(); ++i) {
    const zoo::Sigma sigma = profile.sigma_at(i);
    EXPECT_EQ(loaded.accuracy(sigma).correct, profile.accuracy(sigma).correct);
    EXPECT_EQ(loaded.accuracy_test(sigma).samples, profile.accuracy_test(sigma).samples);
  }
}

TEST(Shipped, ReplacesAnOlderTable) {
  const MadeUpZoo made;
  ASSERT_TRUE(ship(made.load(), kToy, full_profile()).ok());
  TaskProfile other = full_profile();
  other.set_accuracy(other.sigma_at(5), {0, 8});
  ASSERT_TRUE(ship(made.load(), kToy, other).ok());
  TaskProfile loaded(3, 3, 1);
  ASSERT_EQ(load_shipped(made.load(), kToy, loaded).value(), Shipped::kLoaded);
  EXPECT_EQ(loaded.accuracy(loaded.sigma_at(5)).correct, 0);
}

TEST(Shipped, KeepsWhatTheNewMeasurementLacks) {
  const MadeUpZoo made;
  ASSERT_TRUE(ship(made.load(), kToy, full_profile()).ok());
  TaskProfile test_only(3, 3, 1);
  test_only.set_accuracy_test(test_only.sigma_at(1), {7, 8});
  ASSERT_TRUE(ship(made.load(), kToy, test_only).ok());
  TaskProfile loaded(3, 3, 1);
  ASSERT_EQ(load_shipped(made.load(), kToy, loaded).value(), Shipped::kLoaded);
  EXPECT_EQ(loaded.accuracy_test(loaded.sigma_at(1)).correct, 7);
  EXPECT_EQ(loaded.accuracy(loaded.sigma_at(5)).correct, 5);
}

// The made-up zoo's last variant, derived from its second: on a machine without its provider it is taken out.
zoo::Zoo with_derived(zoo::Zoo zoo, bool here) {
  zoo::Variant& last = zoo.tasks[0].variants.back();
  last.derived_from = "int8";
  last.provider = backend::Provider::kOpenVinoBf16;
  if (!here) zoo::take_out_what_nothing_runs(zoo, std::array{backend::Provider::kOpenVino});
  return zoo;
}

TEST(Shipped, AMachineThatDoesNotRunAVariantReadsAndKeepsItsAccuracies) {
  const MadeUpZoo made;
  ASSERT_TRUE(ship(with_derived(made.load(), true), kToy, full_profile()).ok());
  const std::string before = read_file(made.root() / "toy/accuracy.csv").value();
  const zoo::Zoo elsewhere = with_derived(made.load(), false);
  ASSERT_EQ(elsewhere.tasks[0].variants.size(), 2U);
  TaskProfile loaded(2, 3, 1);
  ASSERT_EQ(load_shipped(elsewhere, kToy, loaded).value(), Shipped::kLoaded);
  const TaskProfile full = full_profile();
  for (std::size_t i = 0; i < loaded.stitched(); ++i) {
    const zoo::Sigma sigma = loaded.sigma_at(i);
    EXPECT_EQ(loaded.accuracy(sigma).correct, full.accuracy(sigma).correct) << zoo::describe(elsewhere.tasks[0], sigma);
  }
  ASSERT_TRUE(ship(elsewhere, kToy, loaded).ok());
  EXPECT_EQ(read_file(made.root() / "toy/accuracy.csv").value(), before) << "rows of what does not run here stay";
}

TEST(Shipped, WhatDoesNotRunHereCannotBeShippedFromHere) {
  const MadeUpZoo made;
  TaskProfile measured(2, 3, 1);
  for (std::size_t i = 0; i < measured.stitched(); ++i) measured.set_accuracy(measured.sigma_at(i), {6, 8});
  EXPECT_THAT(ship(with_derived(made.load(), false), kToy, measured).message(),
              HasSubstr("nothing here runs it; measure it where something does"));
}

TEST(Shipped, ReplacesADamagedTable) {
  const MadeUpZoo made;
  ASSERT_TRUE(ship(made.load(), kToy, full_profile()).ok());
  const std::string before = read_file(made.root() / "toy/accuracy.csv").value();
  std::string damaged = before;
  damaged[damaged.rfind(",0,0")] = ';';
  for (const bool listed : {false, true}) {  // a flipped bit; somebody's mistake
    made.write("toy/accuracy.csv", damaged);
    if (listed) made.list_files();
    TaskProfile loaded(3, 3, 1);
    EXPECT_FALSE(load_shipped(made.load(), kToy, loaded).ok());
    EXPECT_FALSE(ship(made.load(), kToy, TaskProfile(3, 3, 1)).ok()) << "what it said is lost";
    ASSERT_TRUE(ship(made.load(), kToy, full_profile()).ok());
    EXPECT_EQ(read_file(made.root() / "toy/accuracy.csv").value(), before);
    EXPECT_EQ(load_shipped(made.load(), kToy, loaded).value(), Shipped::kLoaded);
  }
}

TEST(Shipped, OtherModelsMakeItStale) {
  const MadeUpZoo made;
  ASSERT_TRUE(ship(made.load(), kToy, full_profile()).ok());
  made.write("toy/int8/model.json", read_file(made.root() / "toy/int8/model.json").value() + "\n");
  made.list_files();
  TaskProfile loaded(3, 3, 1);
  EXPECT_EQ(load_shipped(made.load(), kToy, loaded).value(), Shipped::kStale);
  EXPECT_EQ(loaded.accuracy(loaded.sigma_at(5)).samples, 0);
}

TEST(Shipped, IncompleteProfileIsNotShipped) {
  const MadeUpZoo made;
  const Status status = ship(made.load(), kToy, TaskProfile(3, 3, 1));
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("dense|dense|dense"));
  EXPECT_FALSE(std::filesystem::exists(made.root() / "toy/accuracy.csv"));
}

TEST(Shipped, PiecesThatComputeSomethingElseThanTheModelAreNotShipped) {
  const MadeUpZoo made;
  TaskProfile profile = full_profile();
  profile.set_accuracy_test(zoo::Sigma(3, zoo::VariantId(1)), {2, 8});
  const Status status = ship(made.load(), kToy, profile);
  EXPECT_EQ(status.code(), Code::kDataLoss);
  EXPECT_THAT(status.message(), HasSubstr("the pieces of 'int8' are right on 25.0 % of the test split"));
  EXPECT_FALSE(std::filesystem::exists(made.root() / "toy/accuracy.csv"));
}

TEST(Shipped, MistakesNameFileAndLine) {
  const std::vector<std::tuple<std::string, std::string, std::string>> mistakes{
      {"dense,dense,int8,1,8", "dense,dense,int8,9,8", ":4: more correct answers than samples"},
      {"dense,dense,int8,1,8", "dense,dense,int3,1,8", ":4: task 'toy': variant 'int3': not known"},
      {"dense,dense,int8,1,8", "dense,dense,int8,x,8", ":4: 'x' is no count"},
      {"dense,dense,int8,1,8", "dense,dense,int8,1,7", ":4: counts of 7"},
      {"dense,dense,int8,1,8", "dense,int8,1,8", ":4: 6 cells, expected 7"},
      {"variant_0,", "variant_9,", ":2: expected the header"},
      {"# models", "# model", ":1: expected"},
      {"dense,dense,int8,1,8,0,0\n", "", "26 rows"},
  };
  for (const auto& [from, to, words] : mistakes) {
    const MadeUpZoo made;
    ASSERT_TRUE(ship(made.load(), kToy, full_profile()).ok());
    std::string text = read_file(made.root() / "toy/accuracy.csv").value();
    ASSERT_NE(text.find(from), std::string::npos);
    made.write("toy/accuracy.csv", text.replace(text.find(from), from.size(), to));
    made.list_files();
    TaskProfile loaded(3, 3, 1);
    const Status status = load_shipped(made.load(), kToy, loaded).status();
    EXPECT_EQ(status.code(), Code::kMalformed) << words;
    EXPECT_THAT(status.message(), HasSubstr("accuracy.csv"));
    EXPECT_THAT(status.message(), HasSubstr(words));
  }
}

TEST(Measure, SaysWhatShipsEvenWhereItIsMeasuredAnyway) {
  ScriptedWorld world;
  MeasureOptions options;
  options.database = world.folder.path() / "p.sqlite";
  options.compile_cache = world.folder.path() / "compiled";
  options.latency = false;
  options.use_shipped = false;
  const auto shipped = [&] {
    world.zoo = world.made.load();
    const Measured measured = measure(world.zoo, world.soc, *world.runtime, world.pieces, options).value();
    EXPECT_EQ(measured.profile.tasks[0].accuracy(measured.profile.tasks[0].sigma_at(5)).samples, 0) << "not used";
    return measured.shipped.at(0);
  };
  EXPECT_EQ(shipped(), Shipped::kAbsent);
  ASSERT_TRUE(ship(world.zoo, kToy, full_profile()).ok());
  EXPECT_EQ(shipped(), Shipped::kLoaded);
  std::string text = read_file(world.made.root() / "toy/accuracy.csv").value();
  text[text.rfind(",0,0")] = ';';
  world.made.write("toy/accuracy.csv", text);
  EXPECT_EQ(shipped(), Shipped::kDamaged);
}

}  // namespace
}  // namespace sparseloom::profile
