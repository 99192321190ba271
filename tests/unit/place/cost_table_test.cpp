// What a table of costs must hold, and the ways to divide a group.
#include "sparseloom/place/cost_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/random_cost_table.h"

namespace sparseloom::place {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

CostTable some_table() {
  std::mt19937_64 random(1);
  return testing::random_table({.groups = 3}, random);
}

void expect_refused(const CostTable& table, const std::string& why) {
  const Status status = check(table);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(why));
}

TEST(Shares, AreWholeOnEachProcessorThenInQuartersBetweenTwo) {
  EXPECT_THAT(all_shares(1), ElementsAre(Share{4}));
  EXPECT_THAT(all_shares(2), ElementsAre(Share{4, 0}, Share{0, 4}, Share{1, 3}, Share{2, 2}, Share{3, 1}));
  EXPECT_THAT(all_shares(3), SizeIs(3 + 3 * 3));
}

TEST(CheckTable, TakesWhatIsRight) { EXPECT_TRUE(check(some_table()).ok()); }

TEST(CheckTable, AModelWithoutOperators) {
  CostTable table = some_table();
  table.groups.clear();
  expect_refused(table, "the model has no operator");
}

TEST(CheckTable, NoProcessorOrTooMany) {
  CostTable table = some_table();
  table.processors.resize(9);
  expect_refused(table, "9 processors; allowed: 1 to 8");
}

TEST(CheckTable, AnInputFromALaterGroup) {
  CostTable table = some_table();
  table.groups[1].inputs = {{.from = GroupId(2)}};
  expect_refused(table, "operator group 1 'g1': reads what group 2 writes, which is no earlier one");
}

TEST(CheckTable, CostsThatAreNone) {
  CostTable table = some_table();
  table.groups[2].seconds[0][2] = -1;
  expect_refused(table, "'g2': a time is negative or no number");
  table = some_table();
  table.groups[2].seconds[0][2] = std::numeric_limits<double>::quiet_NaN();
  expect_refused(table, "'g2': a time is negative or no number");
  table = some_table();
  table.handover.latency = kCannot;
  expect_refused(table, "what handing over costs");
}

TEST(CheckTable, EnergyThatIsNone) {
  CostTable table = some_table();
  table.energy = EnergyCosts{.power = {{1, 5}, {2, 20}}, .joules_per_byte = 1e-10};
  EXPECT_TRUE(check(table).ok()) << check(table).message();
  table.energy->power[1].active = 1;
  expect_refused(table, "processor 'gpu': 2 W idle and 1 W active");
  table.energy->power.pop_back();
  expect_refused(table, "power of 1 processors; there are 2");
  table.energy = EnergyCosts{.power = {{1, 5}, {2, 20}}, .joules_per_byte = -1};
  expect_refused(table, "-1 J per byte");
  table.energy.reset();
  table.groups[1].traffic = {{0, 1, 2, 3, 4}};
  expect_refused(table, "'g1': traffic of 1 processors; there are 2");
}

TEST(CheckTable, AGroupThatNothingCanRun) {
  CostTable table = some_table();
  for (auto& seconds : table.groups[1].seconds) seconds = {0, kCannot, kCannot, kCannot, kCannot};
  expect_refused(table, "'g1': no processor can run it");
}

TEST(CheckTable, AGroupOfNoUse) {
  CostTable table = some_table();
  table.groups[2].returned = false;
  expect_refused(table, "'g2': nothing reads it, and the model does not return it");
}

}  // namespace
}  // namespace sparseloom::place
