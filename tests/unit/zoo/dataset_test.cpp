#include "sparseloom/zoo/dataset.h"

#include <gmock/gmock.h>

#include <array>
#include <limits>

#include "tests/support/made_up_zoo.h"

namespace sparseloom::zoo {
namespace {

using sparseloom::testing::bytes_of;
using sparseloom::testing::MadeUpZoo;
using sparseloom::testing::npy;
using ::testing::HasSubstr;

TEST(Npy, ReadsWhatNumpyWrites) {
  const std::string file = npy("<i2", "(2, 3)", bytes_of<std::int16_t>({1, 2, 3, 4, 5, -6}));
  const NpyArray array = parse_npy(file, "a.npy").value();
  EXPECT_EQ(array.type, ElementType::kI16);
  EXPECT_EQ(array.shape, (Shape{2, 3}));
  EXPECT_EQ(*reinterpret_cast<const std::int16_t*>(array.data.data() + 10), -6);
}

TEST(Npy, ReadsVersionTwoAndScalarsAndEmptyArrays) {
  const std::string header = "{'shape': (), 'descr': '|u1', 'fortran_order': False}\n";
  std::string file("\x93NUMPY\x02\x00", 8);
  file += static_cast<char>(header.size());
  file += std::string(3, '\0') + header + "\x07";
  EXPECT_EQ(parse_npy(file, "a.npy").value().shape, Shape{});
  EXPECT_EQ(parse_npy(npy("<f4", "(0, 4)", ""), "a.npy").value().data.size(), 0U);
}

TEST(Npy, RefusesTheRestByName) {
  const std::string good = npy("<f4", "(2,)", bytes_of<float>({1, 2}));
  const std::vector<std::pair<std::string, Code>> bad{
      {"", Code::kMalformed},
      {"PK\x03\x04", Code::kMalformed},
      {good.substr(0, 7), Code::kDataLoss},
      {good.substr(0, 30), Code::kDataLoss},
      {good.substr(0, good.size() - 1), Code::kDataLoss},
      {good + "x", Code::kMalformed},
      {npy(">f4", "(2,)", bytes_of<float>({1, 2})), Code::kMalformed},
      {npy("|O", "(2,)", ""), Code::kMalformed},
      {npy("<f4", "(2,-1)", ""), Code::kMalformed},
      {npy("<f4", "2", ""), Code::kMalformed},
      {npy("<f4", "(9223372036854775807, 9223372036854775807)", ""), Code::kMalformed},
      {npy("<f4", "(99999999999999999999,)", ""), Code::kMalformed},
      {npy("<f4", "(1000000000000,)", ""), Code::kDataLoss},  // must not try to allocate it
  };
  for (const auto& [file, code] : bad) {
    const Status status = parse_npy(file, "data/x.npy").status();
    EXPECT_EQ(status.code(), code) << status.message();
    EXPECT_THAT(status.message(), HasSubstr("data/x.npy"));
  }
  std::string fortran = good;
  fortran.replace(fortran.find("False"), 5, "True ");
  EXPECT_EQ(parse_npy(fortran, "x").status().code(), Code::kMalformed);
  std::string future = good;
  future[6] = 9;
  EXPECT_THAT(parse_npy(future, "x").status().message(), HasSubstr("version 9"));
}

TEST(Dataset, Loads) {
  const MadeUpZoo made;
  const Zoo zoo = made.load();
  const Dataset data = Dataset::load(zoo, zoo.tasks[0], zoo.tasks[0].test).value();
  ASSERT_EQ(data.size(), 8U);
  EXPECT_EQ(data.label(2), 2);
  const auto sample = data.input(2, 0);
  ASSERT_EQ(sample.size(), 16U);
  EXPECT_EQ(top1(sample), 2);
}

TEST(Dataset, RefusesLabelsOutsideTheClassesAndOtherShapes) {
  const MadeUpZoo made;
  made.write("toy/data/test_labels.npy", npy("<i4", "(8,)", bytes_of<std::int32_t>({0, 1, 2, 3, 4, 0, 0, 0})));
  made.list_files();
  Zoo zoo = made.load();
  Status status = Dataset::load(zoo, zoo.tasks[0], zoo.tasks[0].test).status();
  EXPECT_EQ(status.code(), Code::kMalformed);
  EXPECT_THAT(status.message(), HasSubstr("label 4 of sample 4 is outside 0..3"));

  made.write("toy/data/test_labels.npy", npy("<i8", "(8,)", bytes_of<std::int64_t>({0, 1, 2, 3, 0, 0, 0, 0})));
  made.list_files();
  zoo = made.load();
  status = Dataset::load(zoo, zoo.tasks[0], zoo.tasks[0].test).status();
  EXPECT_THAT(status.message(), HasSubstr("holds i64[8], expected i32[8]"));
}

TEST(Dataset, RefusesSamplesThatAreNotFinite) {
  const MadeUpZoo made;
  std::vector<float> samples(8 * 4, 1.0F);
  samples[3 * 4 + 1] = std::numeric_limits<float>::quiet_NaN();
  made.write("toy/data/test_x.npy", npy("<f4", "(8, 4)", {reinterpret_cast<const char*>(samples.data()), 8 * 16}));
  made.list_files();
  const Zoo zoo = made.load();
  const Status status = Dataset::load(zoo, zoo.tasks[0], zoo.tasks[0].test).status();
  EXPECT_EQ(status.code(), Code::kMalformed);
  EXPECT_THAT(status.message(), HasSubstr("test_x.npy: element 1 of sample 3 is NaN or infinite"));
}

TEST(Dataset, AlteredContentIsDataLoss) {
  const MadeUpZoo made;
  const Zoo zoo = made.load();
  std::string bytes = read_file(zoo.tasks[0].profile.inputs[0]).value();
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  made.write("toy/data/profile_x.npy", bytes);
  EXPECT_EQ(Dataset::load(zoo, zoo.tasks[0], zoo.tasks[0].profile).status().code(), Code::kDataLoss);
}

TEST(Top1, TakesTheFirstOfEquals) {
  const std::array<float, 4> logits{-3, 2, 2, -1};
  EXPECT_EQ(top1(std::as_bytes(std::span(logits))), 1);
}

}  // namespace
}  // namespace sparseloom::zoo
