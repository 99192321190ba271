#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sparseloom/base/status.h"
#include "sparseloom/base/tensor.h"
#include "sparseloom/zoo/zoo.h"

namespace sparseloom::zoo {

/// A NumPy array (.npy, versions 1.0 to 3.0, C order, little endian).
struct NpyArray {
  ElementType type = ElementType::kF32;
  Shape shape;
  HostBuffer data;
};

/// Parses the bytes of a .npy file; `where` opens the message. kMalformed, kDataLoss (truncated).
Result<NpyArray> parse_npy(std::string_view bytes, std::string_view where);

/// The reverse, version 1.0; bf16, which NumPy lacks, as its bits (u16). `data` must be as large as type and shape say.
std::string format_npy(ElementType type, const Shape& shape, std::span<const std::byte> data);

/// How much of an answer is right.
struct Score {
  std::int64_t correct = 0;
  std::int64_t of = 1;  ///< Task::parts_of_a_sample()
};

/// One split of a task's data in memory. Immutable after loading, hence safe to share.
class Dataset {
 public:
  /// Hashes and reads the files of `split`; types and shapes must be those of the task's inputs and labels must be in
  /// 0..classes-1; of metric fidelity they are outputs like the task's first. kDataLoss, kMalformed.
  static Result<Dataset> load(const Zoo& zoo, const Task& task, const Split& split);

  std::size_t size() const { return size_; }
  /// Of metrics that compare with labels.
  std::int32_t label(std::size_t sample) const { return labels_.at(sample); }
  /// What the model's first output is worth for a sample, by the task's metric: top1 and top5 1 of 1 if the label is
  /// the largest, or among the five largest; fidelity 1 - |output - reference| / |reference| (Euclidean, at least 0),
  /// in thousandths.
  Score score(std::size_t sample, std::span<const std::byte> output) const;
  /// The bytes of input `index` for one sample (not necessarily 64-byte aligned: copy before binding).
  std::span<const std::byte> input(std::size_t sample, std::size_t index) const;

 private:
  enum class Metric { kTop1, kTop5, kFidelity };

  std::size_t size_ = 0;
  Metric metric_ = Metric::kTop1;
  std::vector<NpyArray> inputs_;
  std::vector<std::int32_t> labels_;
  NpyArray references_;  // of fidelity
};

/// Index of the largest logit; the first on ties. `logits` holds f32.
std::int32_t top1(std::span<const std::byte> logits);

}  // namespace sparseloom::zoo
