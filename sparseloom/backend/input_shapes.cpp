#include "sparseloom/backend/input_shapes.h"

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>

#include "sparseloom/base/names.h"

namespace sparseloom::backend {
namespace {

std::string to_text(const Extent& extent) {
  if (extent.fixed()) return std::to_string(extent.least);
  if (extent.most < 0) return extent.least == 0 ? "?" : fmt::format("{}..", extent.least);
  return fmt::format("{}..{}", extent.least, extent.most);
}

const std::pair<const std::string, Shape>* entry_for(const FileInput& input, bool only,
                                                     const std::map<std::string, Shape>& shapes) {
  for (const auto& entry : shapes) {
    if ((only && entry.first.empty()) ||
        std::find(input.names.begin(), input.names.end(), entry.first) != input.names.end())
      return &entry;
  }
  return nullptr;
}

bool fits(const FileInput& input, const Shape& shape) {
  return !input.shape || std::equal(input.shape->begin(), input.shape->end(), shape.begin(), shape.end(),
                                    [](const Extent& e, std::int64_t extent) { return e.allows(extent); });
}

bool is_fixed(const FileInput& input) {
  return input.shape &&
         std::all_of(input.shape->begin(), input.shape->end(), [](const Extent& e) { return e.fixed(); });
}

// The shape of an input of which the batch alone, its first axis, is dynamic.
std::optional<Shape> with_batch_of_one(const FileInput& input) {
  if (!input.shape || input.shape->size() < 2 || input.shape->front().fixed() || !input.shape->front().allows(1))
    return std::nullopt;
  Shape shape{1};
  for (auto extent = input.shape->begin() + 1; extent != input.shape->end(); ++extent) {
    if (!extent->fixed()) return std::nullopt;
    shape.push_back(extent->least);
  }
  return shape;
}

}  // namespace

std::string describe(const std::optional<std::vector<Extent>>& shape) {
  if (!shape) return "[...]";
  std::vector<std::string> extents;
  for (const Extent& extent : *shape) extents.push_back(to_text(extent));
  return fmt::format("[{}]", fmt::join(extents, ","));
}

std::string example_shape(const std::optional<std::vector<Extent>>& shape) {
  if (!shape) return "1,3,224,224";
  std::vector<std::int64_t> extents;
  for (const Extent& extent : *shape) {
    const std::int64_t likely = extents.empty() ? 1 : (shape->size() == 4 ? 224 : 128);
    const std::int64_t most = extent.most < 0 ? likely : extent.most;
    extents.push_back(std::max<std::int64_t>({1, extent.least, std::min(likely, most)}));
  }
  return fmt::format("{}", fmt::join(extents, ","));
}

Result<std::map<std::size_t, Shape>> shapes_to_set(const std::vector<FileInput>& inputs,
                                                   const std::filesystem::path& path,
                                                   const std::map<std::string, Shape>& shapes) {
  std::map<std::size_t, Shape> wanted;
  std::vector<std::string> names, used;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string& name = names.emplace_back(inputs[i].names.front());
    const auto* entry = entry_for(inputs[i], inputs.size() == 1, shapes);
    if (entry != nullptr) {
      if (!fits(inputs[i], entry->second)) {
        return error(Code::kInvalidArgument, "{}: input '{}' has the shape {}; {} does not fit it", path.string(), name,
                     describe(inputs[i].shape), to_string(entry->second));
      }
      wanted[i] = entry->second;
      used.push_back(entry->first);
    } else if (const auto one = with_batch_of_one(inputs[i])) {
      wanted[i] = *one;
    } else if (!is_fixed(inputs[i])) {
      return error(Code::kFailedPrecondition,
                   "{}: input '{}' has the dynamic shape {}; a static one must be given, for example {}={}",
                   path.string(), name, describe(inputs[i].shape), name, example_shape(inputs[i].shape));
    }
  }
  for (const auto& [name, shape] : shapes) {
    if (std::find(used.begin(), used.end(), name) == used.end()) {
      return unknown_name(path.string() + ": input", name, names);
    }
  }
  return wanted;
}

Status check_fits_memory(const TensorSpec& spec, const std::filesystem::path& path) {
  const auto memory = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  double bytes = static_cast<double>(element_bytes(spec.type));
  for (const std::int64_t extent : spec.shape) bytes *= static_cast<double>(extent);
  if (bytes <= memory) return {};
  return error(Code::kResourceExhausted, "{}: tensor {} takes {:.1f} GiB; this machine has {:.1f}", path.string(),
               spec.describe(), bytes / 0x1p30, memory / 0x1p30);
}

Status check_static(const TensorSpec& spec) {
  if (element_count(spec.shape).ok()) return {};
  return error(Code::kFailedPrecondition, "'{}' has the shape {}, which depends on the data", spec.name,
               to_string(spec.shape));
}

}  // namespace sparseloom::backend
