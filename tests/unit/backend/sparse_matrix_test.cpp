#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <random>

#include "sparseloom/backend/sparse/matrix.h"
#include "sparseloom/base/file.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::backend::sparse {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kWidth = 32;
constexpr Layout kLayout{kWidth, 128};

std::vector<float> pruned(std::size_t count, double sparsity) {
  std::mt19937 random(3);
  std::vector<float> weights(count);
  for (float& w : weights)
    w = static_cast<double>(random() % 1000) < sparsity * 1000 ? 0.0F : static_cast<float>(random() % 100 + 1);
  return weights;
}

/// The dense weights again.
std::vector<float> expand(const Matrix& m) {
  std::vector<float> dense(m.outputs() * m.inputs());
  std::size_t entry = 0;
  for (const Matrix::Block& block : m.blocks()) {
    for (std::size_t g = 0; g < std::size_t{block.triples} + block.singles; ++g) {
      const Matrix::Group& group = m.groups()[block.first_group + g];
      const std::size_t rows = g < block.triples ? Matrix::kGroupRows : 1;
      for (std::size_t k = 0; k < group.entries * rows; ++k, ++entry) {
        const std::size_t input = block.first_line + m.offsets()[entry] / (kWidth * sizeof(float));
        dense[group.rows[k % rows] * m.inputs() + input] = std::bit_cast<float>(m.entries()[entry]);
      }
    }
  }
  return dense;
}

TEST(SparseMatrix, HoldsEveryWeightAndTakesSixBytesForEach) {
  const auto dense = pruned(100 * 777, 0.9);
  const Matrix matrix = Matrix::compress(dense, 100, 777, kLayout).value();
  EXPECT_EQ(expand(matrix), dense);
  EXPECT_EQ(matrix.entries().size(),
            static_cast<std::size_t>(std::count_if(dense.begin(), dense.end(), [](float w) { return w != 0; })));
  const auto large = pruned(1024 * 1024, 0.9);
  const Matrix weights = Matrix::compress(large, 1024, 1024, kLayout).value();
  EXPECT_LT(static_cast<double>(weights.size().count), 0.18 * 4 * 1024 * 1024);
}

TEST(SparseMatrix, AnOutputOfAGroupHasItsInputsAlone) {
  const std::vector<float> dense{1, 2, 3, 4};  // two outputs, two groups of two inputs
  EXPECT_EQ(expand(Matrix::compress(dense, 2, 4, kLayout, 2).value()), (std::vector<float>{1, 2, 0, 0, 0, 0, 3, 4}));
  EXPECT_EQ(Matrix::compress(dense, 2, 4, kLayout, 3).status().message(),
            "sparse weights: 2 outputs x 4 inputs in 3 groups");
}

TEST(SparseMatrix, HoldsQuantizedWeightsFourAtATime) {
  // Two rows of six inputs: the first quad of row 0 is empty, a pair of row 1 is too large for 16-bit sums.
  const std::vector<std::int8_t> dense{0, 0, 0, 0, 5, -6, 100, 90, 1, -1, 0, 0};
  const std::vector<float> scales{0.5F, 2};
  const auto words = [&](std::size_t pair_limit) {
    const Matrix matrix = Matrix::compress(dense, scales, 2, 6, {kWidth, pair_limit}).value();
    EXPECT_THAT(matrix.scales(), ::testing::ElementsAre(0.5F, 2));
    EXPECT_THAT(matrix.row_sums(), ::testing::ElementsAre(-1, 190));
    EXPECT_EQ(matrix.kind(), Entries::kI8);
    return std::vector<std::uint32_t>(matrix.entries().begin(), matrix.entries().end());
  };
  EXPECT_THAT(words(256), ::testing::ElementsAre(0x0000fa05, 0xff015a64));
  EXPECT_THAT(words(128), ::testing::ElementsAre(0x0000fa05, 0xff010064, 0x00005a00));
}

TEST(SparseMatrix, RefusesWhatIsNoMatrix) {
  EXPECT_EQ(Matrix::compress(std::span<const float>(), 0, 5, kLayout).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Matrix::compress(std::span<const float>(), 5, 0, kLayout).status().code(), Code::kInvalidArgument);
  const std::vector<float> five(5);
  EXPECT_EQ(Matrix::compress(five, 2, 3, kLayout).status().message(),
            "sparse weights: 2 outputs x 3 inputs from 5 values; extents are 1..2^31");
  EXPECT_EQ(Matrix::compress(five, 1, 5, {0, 128}).status().code(), Code::kInvalidArgument);
  const std::vector<std::int8_t> bytes(5);
  EXPECT_EQ(Matrix::compress(bytes, five, 1, 5, kLayout).status().message(), "sparse weights: 5 scales for 1 outputs");
}

TEST(SparseMatrix, RefusesWeightsWhoseSumsCouldOverflow) {
  const std::vector<std::int8_t> dense(70'000, 127);
  EXPECT_EQ(Matrix::compress(dense, std::vector<float>{1}, 1, dense.size(), kLayout).status().message(),
            "sparse weights: those of output 0 add up to 8890000; allowed: 8421504");
}

class SparseMatrixFile : public ::testing::Test {
 protected:
  SparseMatrixFile() { EXPECT_TRUE(Matrix::compress(dense_, 20, 500, kLayout).value().save(path_).ok()); }
  Status open_with(const std::string& content, const Layout& layout = kLayout) {
    EXPECT_TRUE(write_file(path_, content).ok());
    return Matrix::open(path_, layout).status();
  }
  testing::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "w.sparse";
  std::vector<float> dense_ = pruned(20 * 500, 0.8);
};

TEST_F(SparseMatrixFile, IsWhatWasSaved) { EXPECT_EQ(expand(Matrix::open(path_, kLayout).value()), dense_); }

TEST_F(SparseMatrixFile, OfACpuWithOtherVectorsIsRefused) {
  const Status status = Matrix::open(path_, {64, 256}).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(),
              HasSubstr("made for panels of 32 positions and pairs up to 128; this CPU's are 64 and 256"));
}

TEST_F(SparseMatrixFile, DamageIsNoticedWhereverItIs) {
  const std::string whole = read_file(path_).value();
  for (std::size_t at = 0; at < whole.size(); at += 97) {
    std::string altered = whole;
    altered[at] = static_cast<char>(altered[at] ^ 0x10);
    EXPECT_FALSE(open_with(altered).ok()) << "byte " << at;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{50}, whole.size() / 2, whole.size() - 1}) {
    EXPECT_EQ(open_with(whole.substr(0, size)).code(), Code::kDataLoss) << size << " bytes";
  }
  EXPECT_EQ(open_with(whole + "x").code(), Code::kDataLoss);
  EXPECT_EQ(Matrix::open(folder_.path() / "absent", kLayout).status().code(), Code::kNotFound);
  EXPECT_EQ(Matrix::open(folder_.path(), kLayout).status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace sparseloom::backend::sparse
