#include "sparseloom/zoo/dataset.h"

#include <algorithm>
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
  SL_ASSIGN_OR_RETURN(const NpyArray labels, load_listed(zoo, split.labels));
  SL_RETURN_IF_ERROR(check_layout(labels, ElementType::kI32, {split.samples}, split.labels));
  dataset.labels_.resize(static_cast<std::size_t>(split.samples));
  std::memcpy(dataset.labels_.data(), labels.data.data(), labels.data.size());
  for (std::size_t i = 0; i < dataset.labels_.size(); ++i) {
    const std::int32_t label = dataset.labels_[i];
    if (label < 0 || static_cast<std::size_t>(label) >= task.classes.size()) {
      return error(Code::kMalformed, "{}: label {} of sample {} is outside 0..{}", split.labels.string(), label, i,
                   static_cast<std::int64_t>(task.classes.size()) - 1);
    }
  }
  return dataset;
}

std::span<const std::byte> Dataset::input(std::size_t sample, std::size_t index) const {
  const HostBuffer& data = inputs_[index].data;
  const std::size_t each = data.size() / labels_.size();
  return data.span().subspan(sample * each, each);
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
