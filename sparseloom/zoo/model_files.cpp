#include "sparseloom/zoo/model_files.h"

#include "sparseloom/base/inside.h"
#include "sparseloom/base/mapped_file.h"
#include "sparseloom/zoo/onnx_external.h"

namespace sparseloom::zoo {
namespace fs = std::filesystem;

Result<std::vector<fs::path>> model_files(const fs::path& model) {
  std::vector<fs::path> files{model};
  if (model.extension() == ".xml") files.push_back(fs::path(model).replace_extension(".bin"));
  if (model.extension() != ".onnx") return files;
  SL_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::open(model));
  SL_ASSIGN_OR_RETURN(const auto names, onnx_external_files(mapped.bytes(), model.string()));
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
