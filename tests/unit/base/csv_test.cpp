#include "sparseloom/base/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace sparseloom {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

/// A file with this text, opened.
class Csv : public ::testing::Test {
 protected:
  Result<CsvReader> open(std::string_view text) {
    std::ofstream(path(), std::ios::binary) << text;
    return CsvReader::open(path());
  }
  std::filesystem::path path() const { return folder_.path() / "f.csv"; }

 private:
  TemporaryFolder folder_;
};

TEST_F(Csv, RowsEndWithOrWithoutACarriageReturnOrNotAtAll) {
  auto csv = open(
      "\xEF\xBB\xBF"
      "a,b\r\n1,2\n3,4\r\n5,6");
  ASSERT_TRUE(csv.ok()) << csv.status().message();
  EXPECT_EQ(csv->columns(), (std::vector<std::string>{"a", "b"}));
  double sum = 0;
  while (csv->next().value()) sum += csv->number(0).value() * csv->number(1).value();
  EXPECT_EQ(sum, 1 * 2 + 3 * 4 + 5 * 6);
  EXPECT_EQ(csv->line(), 4U);
}

TEST_F(Csv, IsReadInPiecesThatRowsCross) {
  constexpr int kRows = 200'000;  // of 3 to 8 bytes: several times what is read at once
  std::string text = "n\r\n";
  for (int i = 0; i < kRows; ++i) text += std::to_string(i) + "\r\n";
  auto csv = open(text);
  for (std::uint64_t i = 0; i < kRows; ++i) {
    ASSERT_TRUE(csv->next().value());
    ASSERT_EQ(csv->index(0, kRows).value(), i);
  }
  EXPECT_FALSE(csv->next().value());
}

TEST_F(Csv, ALongLineIsRefusedWhereverItLies) {
  const std::string longest(65'536, '1'), longer(65'537, '1');
  EXPECT_TRUE(open("a\n" + longest)->next().ok());
  EXPECT_THAT(open("a\n" + longer)->next().status().message(), HasSubstr("f.csv:2: a line of more than 65536"));
  EXPECT_THAT(open("a\n" + longer + "\n")->next().status().message(), HasSubstr("f.csv:2: a line of more than"));
  EXPECT_THAT(open(longer).status().message(), HasSubstr("f.csv:1: a line of more than"));
}

TEST_F(Csv, SaysWhichCellIsNoNumber) {
  auto csv = open("a,b\n1,x\n");
  ASSERT_TRUE(csv->next().value());
  EXPECT_THAT(csv->number(1).status().message(), HasSubstr("f.csv:2: column 'b': got 'x'; allowed: a finite number"));
  EXPECT_THAT(csv->index(0, 0).status().message(), HasSubstr("got '1'; allowed: a whole number, 0..0"));
}

TEST_F(Csv, NeedsAHeader) {
  EXPECT_THAT(open("").status().message(), HasSubstr("f.csv: empty"));
  EXPECT_EQ(CsvReader::open("/nonexistent.csv").status().code(), Code::kNotFound);
  EXPECT_EQ(CsvReader::open("/tmp").status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace sparseloom
