#include "sparseloom/zoo/new_data.h"

#include <cstring>
#include <numeric>
#include <random>

#include "sparseloom/base/file.h"
#include "sparseloom/base/names.h"

namespace sparseloom::zoo {
namespace {

namespace fs = std::filesystem;

bool holds_classes(const TensorSpec& output, std::size_t least) {
  const auto elements = element_count(output.shape);
  return output.type == ElementType::kF32 && elements.ok() && *elements >= least && output.shape.size() <= 2 &&
         (output.shape.size() < 2 || output.shape.front() == 1);
}

Result<NpyArray> read_npy_file(const fs::path& path) {
  SL_ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  return parse_npy(bytes, path.string());
}

std::string gathered(const NpyArray& array, std::size_t count, const std::vector<std::size_t>& samples) {
  std::string bytes;
  const std::size_t each = array.data.size() / count;
  for (const std::size_t n : samples) bytes.append(reinterpret_cast<const char*>(array.data.data()) + n * each, each);
  return bytes;
}

std::string npy(ElementType type, const Shape& shape, const std::string& bytes) {
  return format_npy(type, shape, std::as_bytes(std::span(bytes)));
}

}  // namespace

Result<Samples> read_samples(const Task& task, const NewVariant& wanted) {
  Samples samples;
  std::error_code ignored;
  const bool folder = fs::is_directory(wanted.samples, ignored);
  if (!folder && task.inputs.size() > 1) {
    return error(Code::kInvalidArgument, "{}: the model has {} inputs; a folder with one <input>.npy each is needed",
                 wanted.samples.string(), task.inputs.size());
  }
  for (const TensorSpec& input : task.inputs) {
    const fs::path path = folder ? wanted.samples / (input.name + ".npy") : wanted.samples;
    SL_ASSIGN_OR_RETURN(NpyArray array, read_npy_file(path));
    const std::size_t count = input.bytes() == 0 ? 0 : array.data.size() / input.bytes();
    if (array.type != input.type || array.shape.empty() || count == 0 || array.data.size() != count * input.bytes() ||
        static_cast<std::size_t>(array.shape.front()) != count) {
      return error(Code::kInvalidArgument, "{}: holds {}{}; input {} takes so many of them in a row, samples first",
                   path.string(), to_string(array.type), to_string(array.shape), input.describe());
    }
    if (const auto bad = first_not_finite(array.type, array.data.span())) {
      return error(Code::kInvalidArgument, "{}: element {} is NaN or infinite; allowed: finite numbers", path.string(),
                   *bad);
    }
    if (samples.count != 0 && samples.count != count) {
      return error(Code::kInvalidArgument, "{}: {} samples; the input before it has {}", path.string(), count,
                   samples.count);
    }
    samples.count = count;
    samples.inputs.push_back(std::move(array));
  }
  if (wanted.labels.empty()) return samples;
  SL_ASSIGN_OR_RETURN(const NpyArray labels, read_npy_file(wanted.labels));
  std::size_t elements = 0;
  if (labels.shape.size() == 1) elements = static_cast<std::size_t>(labels.shape.front());
  const auto classes = element_count(task.outputs.front().shape);
  const auto take = [&](auto example) -> Status {
    using T = decltype(example);
    for (std::size_t i = 0; i < elements; ++i) {
      T value;
      std::memcpy(&value, labels.data.data() + i * sizeof(T), sizeof(T));
      if (value < 0 || static_cast<std::size_t>(value) >= *classes) {
        return error(Code::kInvalidArgument, "{}: label {} of sample {}; allowed: 0..{}", wanted.labels.string(), value,
                     i, *classes - 1);
      }
      samples.labels.push_back(static_cast<std::int32_t>(value));
    }
    return {};
  };
  if (elements != samples.count || (labels.type != ElementType::kI32 && labels.type != ElementType::kI64)) {
    return error(Code::kInvalidArgument, "{}: holds {}{}; allowed: i32[{}] or i64[{}], one label per sample",
                 wanted.labels.string(), to_string(labels.type), to_string(labels.shape), samples.count, samples.count);
  }
  SL_RETURN_IF_ERROR(labels.type == ElementType::kI32 ? take(std::int32_t{}) : take(std::int64_t{}));
  return samples;
}

Status decide_metric(const NewVariant& wanted, Task& task) {
  const TensorSpec& output = task.outputs.front();
  task.metric = wanted.metric.empty() ? (holds_classes(output, 2) ? "top1" : "fidelity") : wanted.metric;
  if (task.metric != "fidelity" && task.metric != "top1" && task.metric != "top5")
    return unknown_name("metric", task.metric, std::vector<std::string_view>{"top1", "top5", "fidelity"});
  const std::size_t least = task.metric == "top5" ? 5 : 2;
  if (task.metric != "fidelity" && !holds_classes(output, least)) {
    return error(Code::kInvalidArgument,
                 "metric {}: the first output is {}; it must hold one f32 for each of at least {} classes", task.metric,
                 output.describe(), least);
  }
  if (task.metric == "fidelity" && !wanted.labels.empty()) {
    return error(Code::kInvalidArgument,
                 "metric fidelity: compares with the first variant's outputs; labels are for top1 and top5");
  }
  task.accuracy_kind = wanted.labels.empty() ? "fidelity" : "labels";
  return {};
}

// Writes profile and test halves into `folder` (the task's data/), and says so in the task.
Status write_data(const Samples& samples, Whole& whole, const fs::path& folder, Task& task) {
  std::vector<std::size_t> order(samples.count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 random(0);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  const auto half = order.begin() + static_cast<std::ptrdiff_t>((order.size() + 1) / 2);
  std::vector<std::pair<Split*, std::vector<std::size_t>>> splits{{&task.profile, {order.begin(), half}}};
  if (half != order.end()) splits.push_back({&task.test, {half, order.end()}});
  std::error_code failure;
  fs::create_directories(folder, failure);
  for (auto& [split, members] : splits) {
    std::sort(members.begin(), members.end());
    const std::string name = split == &task.profile ? "profile" : "test";
    split->samples = static_cast<std::int64_t>(members.size());
    for (std::size_t k = 0; k < task.inputs.size(); ++k) {
      const std::string file = fmt::format("{}_input{}.npy", name, k);
      Shape shape = samples.inputs[k].shape;
      shape.front() = split->samples;
      SL_RETURN_IF_ERROR(write_file(
          folder / file, npy(samples.inputs[k].type, shape, gathered(samples.inputs[k], samples.count, members))));
      split->inputs.push_back(fs::path("data") / file);
    }
    std::string labels;
    for (const std::size_t n : members) {
      if (!samples.labels.empty()) {
        labels.append(reinterpret_cast<const char*>(&samples.labels[n]), sizeof(std::int32_t));
        continue;
      }
      SL_ASSIGN_OR_RETURN(const auto answer, whole.answer(samples.inputs, samples.count, n));
      if (const auto bad = first_not_finite(task.outputs.front().type, answer)) {
        return error(Code::kInvalidArgument, "sample {}: the model answers NaN or infinity there (element {})", n,
                     *bad);
      }
      if (task.metric == "fidelity") {
        labels.append(reinterpret_cast<const char*>(answer.data()), answer.size());
      } else {
        const std::int32_t best = top1(answer);
        labels.append(reinterpret_cast<const char*>(&best), sizeof best);
      }
    }
    const std::string file = name + "_labels.npy";
    const bool outputs = task.metric == "fidelity";
    Shape shape = outputs ? task.outputs.front().shape : Shape{};
    shape.insert(shape.begin(), split->samples);
    SL_RETURN_IF_ERROR(
        write_file(folder / file, npy(outputs ? task.outputs.front().type : ElementType::kI32, shape, labels)));
    split->labels = fs::path("data") / file;
  }
  return {};
}

Result<double> accuracy_on(const Zoo& zoo, const Task& task, const Split& split, Whole& whole) {
  SL_ASSIGN_OR_RETURN(const Dataset data, Dataset::load(zoo, task, split));
  std::int64_t correct = 0, of = 0;
  for (std::size_t n = 0; n < data.size(); ++n) {
    whole.chain().load(data, n);
    SL_RETURN_IF_ERROR(whole.chain().run());
    const Score score = data.score(n, whole.chain().output(0));
    correct += score.correct;
    of += score.of;
  }
  return of == 0 ? 0.0 : static_cast<double>(correct) / static_cast<double>(of);
}

}  // namespace sparseloom::zoo
