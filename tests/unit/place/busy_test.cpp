// What a placement keeps busy: processors by their shares, and each copy between memory domains once.
#include "sparseloom/place/adapt/busy.h"

#include <gmock/gmock.h>

#include "tests/support/two_devices.h"

namespace sparseloom::place {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;

// Two readers of the first group; the GPU has memory of its own, 2 s to begin a copy, 0.5 s per byte.
CostTable with_two_readers() {
  CostTable table = testing::two_devices(8, 4);
  table.processors[1].memory_domain = 1;
  table.handover = {.synchronisation = 1, .latency = 2, .seconds_per_byte = 0.5};
  table.groups.resize(3, table.groups[0]);
  for (std::size_t g : {1U, 2U}) table.groups[g].inputs = {{.from = GroupId(0)}};
  table.groups[0].returned = false;
  return table;
}

TEST(Busy, ProcessorsByTheirShares) {
  EXPECT_THAT(busy_of(testing::two_devices(8, 4), {{1, 3}}).processors, ElementsAre(2, 3));
  EXPECT_EQ(busy_of(testing::two_devices(8, 4), {{1, 3}}).copies, 0);  // one memory
}

TEST(Busy, ATensorIsCopiedOnceForAllItsReaders) {
  const Busy busy = busy_of(with_two_readers(), {{4, 0}, {0, 4}, {0, 4}});
  EXPECT_THAT(busy.processors, ElementsAre(8, 8));
  EXPECT_THAT(busy.copies, DoubleEq((2 + 4) + 2 * (2 + 4)));  // there once, and both results back
}

TEST(Busy, InputsAreCopiedToTheGpuAndOnlyPartsOfWhatItWritesBack) {
  EXPECT_THAT(busy_of(with_two_readers(), {{2, 2}, {4, 0}, {4, 0}}).copies, DoubleEq((2 + 4) + (2 + 2)));
}

TEST(Busy, WhatGoesAlongIsNotCopied) {
  CostTable table = with_two_readers();
  table.groups[1].along = table.groups[2].along = true;
  const double there = 2 + 4, halves_back = 2 * (2 + 2);
  EXPECT_THAT(busy_of(table, {{2, 2}, {2, 2}, {2, 2}}).copies, DoubleEq(there + halves_back));
}

}  // namespace
}  // namespace sparseloom::place
