#include <array>

#include "sparseloom/backend/openvino/openvino_runtime.h"
#include "sparseloom/backend/runtime.h"
#include "sparseloom/backend/scripted/scripted_runtime.h"
#include "sparseloom/base/names.h"

namespace sparseloom::backend {
namespace {

struct RuntimeRow {
  std::string_view name;
  std::unique_ptr<Runtime> (*make)();
};

// A new backend is a folder and a line here.
constexpr std::array kRuntimes{
    RuntimeRow{"openvino", make_openvino_runtime},
    RuntimeRow{"scripted", make_scripted_runtime},
};

}  // namespace

Result<std::unique_ptr<Runtime>> make_runtime(const std::string& name) {
  std::vector<std::string_view> known;
  for (const RuntimeRow& row : kRuntimes) {
    if (row.name == name) return row.make();
    known.push_back(row.name);
  }
  return unknown_name("runtime", name, known);
}

}  // namespace sparseloom::backend
