// The JSON files of a zoo from any bytes; the first byte says which of the three.
#include <cstdlib>

#include "sparseloom/zoo/format.h"

namespace {

using namespace sparseloom;

// A refusal names the file; paths that were accepted stay inside the zoo.
void check_status(const Status& status) {
  if (!status.ok() && status.message().find("input.json") == std::string::npos) std::abort();
}

void check_path(const std::filesystem::path& path) {
  if (path.is_absolute() || path.empty()) std::abort();
  for (const auto& part : path) {
    if (part == "..") std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto json = parse_json(text, "input.json");
  check_status(json.status());
  if (!json.ok()) return 0;
  if (data[0] % 3 == 0) {
    const auto zoo = zoo::parse_zoo_file(*json, "input.json");
    check_status(zoo.status());
    if (zoo.ok()) {
      for (const auto& entry : zoo->files) check_path(entry.path);
      for (const auto& task : zoo->described) {
        for (const auto& variant : task.variants) check_path(variant.onnx_only ? variant.onnx : variant.model);
        for (const auto& input : task.profile.inputs) check_path(input);
        if (task.outputs.empty() || task.variants.empty()) std::abort();
      }
    }
  } else if (data[0] % 3 == 1) {
    const auto task = zoo::parse_task_file(*json, "input.json");
    check_status(task.status());
    if (task.ok()) {
      check_path(task->task.profile.labels);
      if (task->task.outputs.front().bytes() != task->task.classes.size() * sizeof(float)) std::abort();
    }
  } else {
    const auto variant = zoo::parse_variant_file(*json, "input.json");
    check_status(variant.status());
    if (variant.ok()) check_path(variant->onnx_only ? variant->onnx : variant->model);
  }
  return 0;
}
