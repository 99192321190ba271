#include "sparseloom/base/printable.h"

#include <gtest/gtest.h>

namespace sparseloom {
namespace {

TEST(Printable, ControlCharactersAreShown) {
  EXPECT_EQ(printable("relu\x1b[31mt1"), "relu\\x1b[31mt1");
  EXPECT_EQ(printable("a\nb\tc\rd\x7f"), "a\\nb\\tc\\x0dd\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\x9b31m")
      << "the same escape in one character";
}

TEST(Printable, TextStaysAsItIs) { EXPECT_EQ(printable("größe 10 µs → \xc2\xa0"), "größe 10 µs → \xc2\xa0"); }

}  // namespace
}  // namespace sparseloom
