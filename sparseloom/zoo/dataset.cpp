#include "sparseloom/zoo/dataset.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sparseloom/base/file.h"

namespace sparseloom::zoo {
namespace {

// Reads once and hashes what was read, so that what is checked is what is used.
Result<NpyArray> load_listed(const Zoo& zoo, const std::filesystem::path& path) {
  const FileEntry* entry = find_file(zoo, path.lexically_relative(zoo.root).generic_string());
  if (entry == nullptr) return error(Code::kNotFound, "{}: zoo.json does not list this file", path.string());
  SL_ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  if (const std::string hash = sha256(bytes); hash != entry->sha256) {
    return error(Code::kDataLoss, "{}: its SHA-256 is {}, but zoo.json lists {}", path.string(), hash, entry->sha256);
  }
  return parse_npy(bytes, path.string());
}

Status check_layout(const NpyArray& array, ElementType type, const Shape& shape, const std::filesystem::path& path) {
  if (array.type == type && array.shape == shape) return {};
  return error(Code::kMalformed, "{}: holds {}{}, expected {}{}", path.string(), to_string(array.type),
               to_string(array.shape), to_string(type), to_string(shape));
}

Status check_finite(const NpyArray& array, std::int64_t samples, const std::filesystem::path& path) {
  const auto found = first_not_finite(array.type, array.data.span());
  if (!found) return {};
  const std::size_t each = array.data.size() / element_bytes(array.type) / static_cast<std::size_t>(samples);
  return error(Code::kMalformed, "{}: element {} of sample {} is NaN or infinite; allowed: finite numbers",
               path.string(), *found % each, *found / each);
}

bool among_largest(std::span<const std::byte> logits, std::int32_t label, std::size_t places) {
  std::vector<float> values(logits.size() / sizeof(float));
  std::memcpy(values.data(), logits.data(), logits.size());
  const float own = values[static_cast<std::size_t>(label)];
  std::size_t before = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > own || (values[i] == own && i < static_cast<std::size_t>(label))) ++before;
  }
  return before < places;
}

// 1 - |a - b| / |b|, at least 0.
double fidelity(ElementType type, std::span<const std::byte> a, std::span<const std::byte> b) {
  double difference = 0, size = 0;
  const std::size_t bytes = element_bytes(type);
  for (std::size_t at = 0; at + bytes <= b.size(); at += bytes) {
    const double x = element_at(type, a.data() + at), y = element_at(type, b.data() + at);
    difference += (x - y) * (x - y);
    size += y * y;
  }
  if (size == 0) return difference == 0 ? 1 : 0;
  const double right = 1 - std::sqrt(difference / size);
  return right > 0 ? right : 0;  // also where the answer is no number
}

// Samples first, then the input's shape without its batch of one.
Shape stored_shape(const TensorSpec& input, std::int64_t samples) {
  Shape shape = input.shape;
  if (shape.empty() || shape.front() != 1) {
    shape.insert(shape.begin(), samples);
  } else {
    shape.front() = samples;
  }
  return shape;
}

}  // namespace

Result<Dataset> Dataset::load(const Zoo& zoo, const Task& task, const Split& split) {
  Dataset dataset;
  for (std::size_t i = 0; i < split.inputs.size(); ++i) {
    SL_ASSIGN_OR_RETURN(NpyArray array, load_listed(zoo, split.inputs[i]));
    const TensorSpec& input = task.inputs[i];
    SL_RETURN_IF_ERROR(check_layout(array, input.type, stored_shape(input, split.samples), split.inputs[i]));
    SL_RETURN_IF_ERROR(check_finite(array, split.samples, split.inputs[i]));
    dataset.inputs_.push_back(std::move(array));
  }
  dataset.size_ = static_cast<std::size_t>(split.samples);
  if (task.metric == "fidelity") {
    dataset.metric_ = Metric::kFidelity;
    SL_ASSIGN_OR_RETURN(dataset.references_, load_listed(zoo, split.labels));
    Shape shape = task.outputs.front().shape;
    shape.insert(shape.begin(), split.samples);
    SL_RETURN_IF_ERROR(check_layout(dataset.references_, task.outputs.front().type, shape, split.labels));
    SL_RETURN_IF_ERROR(check_finite(dataset.references_, split.samples, split.labels));
    return dataset;
  }
  if (task.metric == "top5") dataset.metric_ = Metric::kTop5;
  SL_ASSIGN_OR_RETURN(const NpyArray labels, load_listed(zoo, split.labels));
  SL_RETURN_IF_ERROR(check_layout(labels, ElementType::kI32, {split.samples}, split.labels));
  dataset.labels_.resize(static_cast<std::size_t>(split.samples));
  std::memcpy(dataset.labels_.data(), labels.data.data(), labels.data.size());
  SL_ASSIGN_OR_RETURN(const std::size_t classes, element_count(task.outputs.front().shape));
  for (std::size_t i = 0; i < dataset.labels_.size(); ++i) {
    const std::int32_t label = dataset.labels_[i];
    if (label < 0 || static_cast<std::size_t>(label) >= classes) {
      return error(Code::kMalformed, "{}: label {} of sample {} is outside 0..{}", split.labels.string(), label, i,
                   classes - 1);
    }
  }
  return dataset;
}

std::span<const std::byte> Dataset::input(std::size_t sample, std::size_t index) const {
  const HostBuffer& data = inputs_[index].data;
  const std::size_t each = data.size() / size_;
  return data.span().subspan(sample * each, each);
}

Score Dataset::score(std::size_t sample, std::span<const std::byte> output) const {
  switch (metric_) {
    case Metric::kTop1: return {top1(output) == labels_[sample] ? 1 : 0, 1};
    case Metric::kTop5: return {among_largest(output, labels_[sample], 5) ? 1 : 0, 1};
    case Metric::kFidelity: break;
  }
  const std::size_t each = references_.data.size() / size_;
  const double right = fidelity(references_.type, output, references_.data.span().subspan(sample * each, each));
  constexpr double kParts = 1000;
  return {static_cast<std::int64_t>(std::lround(kParts * right)), static_cast<std::int64_t>(kParts)};
}

std::int32_t top1(std::span<const std::byte> logits) {
  std::int32_t best = 0;
  float best_value = 0;
  for (std::size_t i = 0; i * sizeof(float) + sizeof(float) <= logits.size(); ++i) {
    float value = 0;
    std::memcpy(&value, logits.data() + i * sizeof(float), sizeof value);
    if (i == 0 || value > best_value) {
      best = static_cast<std::int32_t>(i);
      best_value = value;
    }
  }
  return best;
}

}  // namespace sparseloom::zoo
