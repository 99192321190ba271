#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "sparseloom/backend/sparse/matrix.h"
#include "sparseloom/base/file.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::backend::sparse {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kWidth = 32;

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
        const std::size_t input = block.first_input + m.offsets()[entry] / (kWidth * sizeof(float));
        dense[group.rows[k % rows] * m.inputs() + input] = m.values()[entry];
      }
    }
  }
  return dense;
}

TEST(SparseMatrix, HoldsEveryWeightAndTakesSixBytesForEach) {
  const auto dense = pruned(100 * 777, 0.9);
  const Matrix matrix = Matrix::compress(dense, 100, 777, kWidth).value();
  EXPECT_EQ(expand(matrix), dense);
  EXPECT_EQ(matrix.nonzeros(),
            static_cast<std::size_t>(std::count_if(dense.begin(), dense.end(), [](float w) { return w != 0; })));
  const auto large = pruned(1024 * 1024, 0.9);
  const Matrix weights = Matrix::compress(large, 1024, 1024, kWidth).value();
  EXPECT_LT(static_cast<double>(weights.size().count), 0.18 * 4 * 1024 * 1024);
}

TEST(SparseMatrix, RefusesWhatIsNoMatrix) {
  EXPECT_EQ(Matrix::compress({}, 0, 5, kWidth).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Matrix::compress({}, 5, 0, kWidth).status().code(), Code::kInvalidArgument);
  const std::vector<float> five(5);
  EXPECT_EQ(Matrix::compress(five, 2, 3, kWidth).status().message(),
            "sparse weights: 2 outputs x 3 inputs from 5 values; extents are 1..2^31");
  EXPECT_EQ(Matrix::compress(five, 1, 5, 0).status().code(), Code::kInvalidArgument);
}

class SparseMatrixFile : public ::testing::Test {
 protected:
  SparseMatrixFile() { EXPECT_TRUE(Matrix::compress(dense_, 20, 500, kWidth).value().save(path_).ok()); }
  Status open_with(const std::string& content, std::size_t width = kWidth) {
    EXPECT_TRUE(write_file(path_, content).ok());
    return Matrix::open(path_, width).status();
  }
  testing::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "w.sparse";
  std::vector<float> dense_ = pruned(20 * 500, 0.8);
};

TEST_F(SparseMatrixFile, IsWhatWasSaved) { EXPECT_EQ(expand(Matrix::open(path_, kWidth).value()), dense_); }

TEST_F(SparseMatrixFile, OfACpuWithOtherVectorsIsRefused) {
  const Status status = Matrix::open(path_, 64).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("made for panels of 32 positions; this CPU's have 64"));
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
  EXPECT_EQ(Matrix::open(folder_.path() / "absent", kWidth).status().code(), Code::kNotFound);
  EXPECT_EQ(Matrix::open(folder_.path(), kWidth).status().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace sparseloom::backend::sparse
