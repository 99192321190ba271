#include "sparseloom/zoo/model_files.h"

#include "sparseloom/backend/onnx/onnx_file.h"
#include "sparseloom/base/inside.h"

namespace sparseloom::zoo {
namespace fs = std::filesystem;

Result<std::vector<fs::path>> model_files(const fs::path& model) {
  std::vector<fs::path> files{model};
  if (model.extension() == ".xml") files.push_back(fs::path(model).replace_extension(".bin"));
  if (model.extension() != ".onnx") return files;
  SL_ASSIGN_OR_RETURN(const backend::OnnxFile onnx, backend::OnnxFile::open(model));
  const std::set<std::string> names = onnx.external_files();
  for (std::string_view name : names) {
    while (name.starts_with("./")) name.remove_prefix(2);
    if (const std::string problem = path_problem(name); !problem.empty()) {
      return error(Code::kMalformed, "{}: external data: {}", model.string(), problem);
    }
    files.push_back(model.parent_path() / name);
  }
  return files;
}

}  // namespace sparseloom::zoo
