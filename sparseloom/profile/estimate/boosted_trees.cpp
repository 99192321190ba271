#include "sparseloom/profile/estimate/boosted_trees.h"

#include <xgboost/c_api.h>

#include <array>
#include <limits>
#include <utility>

namespace sparseloom::profile {
namespace {

constexpr int kRounds = 200;
constexpr std::array<std::pair<const char*, const char*>, 8> kParameters{{{"objective", "reg:squarederror"},
                                                                          {"max_depth", "3"},
                                                                          {"eta", "0.1"},
                                                                          {"subsample", "0.8"},
                                                                          {"tree_method", "exact"},
                                                                          {"nthread", "1"},
                                                                          {"seed", "1"},
                                                                          {"verbosity", "0"}}};

Status check(int returned) {
  if (returned == 0) return {};
  return error(Code::kInternal, "XGBoost: {}", XGBGetLastError());
}

// A matrix of XGBoost's with its lifetime.
class Matrix {
 public:
  static Result<Matrix> of(const Rows& rows) {
    std::vector<float> flat;
    for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
    Matrix matrix;
    SL_RETURN_IF_ERROR(check(XGDMatrixCreateFromMat(flat.data(), rows.size(), rows.front().size(),
                                                    std::numeric_limits<float>::quiet_NaN(), &matrix.handle_)));
    return matrix;
  }
  Matrix(Matrix&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Matrix& operator=(Matrix&&) = delete;
  ~Matrix() {
    if (handle_ != nullptr) XGDMatrixFree(handle_);
  }
  DMatrixHandle get() const { return handle_; }

 private:
  Matrix() = default;
  DMatrixHandle handle_ = nullptr;
};

}  // namespace

struct BoostedTrees::Booster {
  Booster() = default;
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;
  ~Booster() {
    if (handle != nullptr) XGBoosterFree(handle);
  }
  BoosterHandle handle = nullptr;
};

BoostedTrees::BoostedTrees(std::unique_ptr<Booster> booster) : booster_(std::move(booster)) {}
BoostedTrees::BoostedTrees(BoostedTrees&&) noexcept = default;
BoostedTrees& BoostedTrees::operator=(BoostedTrees&&) noexcept = default;
BoostedTrees::~BoostedTrees() = default;

Result<BoostedTrees> BoostedTrees::fit(const Rows& features, const std::vector<float>& targets) {
  SL_ASSIGN_OR_RETURN(const Matrix matrix, Matrix::of(features));
  SL_RETURN_IF_ERROR(check(XGDMatrixSetFloatInfo(matrix.get(), "label", targets.data(), targets.size())));
  auto booster = std::make_unique<Booster>();
  const DMatrixHandle handle = matrix.get();
  SL_RETURN_IF_ERROR(check(XGBoosterCreate(&handle, 1, &booster->handle)));
  for (const auto& [name, value] : kParameters) {
    SL_RETURN_IF_ERROR(check(XGBoosterSetParam(booster->handle, name, value)));
  }
  for (int round = 0; round < kRounds; ++round) {
    SL_RETURN_IF_ERROR(check(XGBoosterUpdateOneIter(booster->handle, round, matrix.get())));
  }
  return BoostedTrees(std::move(booster));
}

Result<std::vector<float>> BoostedTrees::predict(const Rows& features) const {
  SL_ASSIGN_OR_RETURN(const Matrix matrix, Matrix::of(features));
  const bst_ulong* shape = nullptr;
  bst_ulong dimensions = 0;
  const float* values = nullptr;
  const char* config = R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,"strict_shape":false})";
  SL_RETURN_IF_ERROR(
      check(XGBoosterPredictFromDMatrix(booster_->handle, matrix.get(), config, &shape, &dimensions, &values)));
  return std::vector<float>(values, values + features.size());
}

}  // namespace sparseloom::profile
