#include "sparseloom/backend/openvino/openvino_runtime.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <openvino/core/op_extension.hpp>
#include <openvino/core/version.hpp>
#include <openvino/frontend/manager.hpp>
#include <openvino/op/util/variable.hpp>
#include <openvino/runtime/core.hpp>
#include <openvino/runtime/properties.hpp>
#include <optional>
#include <sstream>

#include "sparseloom/backend/input_shapes.h"
#include "sparseloom/backend/onnx/onnx_file.h"
#include "sparseloom/backend/openvino/ov_executable.h"
#include "sparseloom/backend/openvino/ov_model.h"
#include "sparseloom/backend/openvino/ov_sparse_compile.h"
#include "sparseloom/backend/openvino/ov_sparse_op.h"
#include "sparseloom/backend/openvino/ov_support.h"
#include "sparseloom/base/mapped_file.h"

namespace sparseloom::backend {
namespace {

namespace fs = std::filesystem;

// Formats by the ending of their files, and the frontend that reads each.
constexpr std::pair<std::string_view, const char*> kFormats[] = {{".onnx", "onnx"}, {".xml", "ir"}};

Status check_is_file(const fs::path& path) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (status.type() == fs::file_type::not_found) return error(Code::kNotFound, "{}: no such file", path.string());
  if (failure) return error(Code::kUnavailable, "{}: cannot open: {}", path.string(), failure.message());
  if (!fs::is_regular_file(status))
    return error(Code::kInvalidArgument, "{}: not a file; allowed: .onnx, .xml", path.string());
  if (std::none_of(std::begin(kFormats), std::end(kFormats),
                   [&](const auto& f) { return path.extension() == f.first; }))
    return error(Code::kInvalidArgument, "{}: not a model; allowed: .onnx, .xml", path.string());
  const auto bytes = fs::file_size(path, failure);
  if (failure) return error(Code::kUnavailable, "{}: cannot open: {}", path.string(), failure.message());
  if (bytes == 0) return error(Code::kDataLoss, "{}: the file is empty", path.string());
  if (path.extension() != ".xml") return {};
  const fs::path weights = fs::path(path).replace_extension(".bin");
  if (!fs::is_regular_file(weights, failure))
    return error(Code::kNotFound, "{}: no such file; it must hold the weights of {}", weights.string(), path.string());
  return {};
}

std::shared_ptr<ov::frontend::FrontEnd> frontend_for(const fs::path& path) {
  for (const auto& [ending, framework] : kFormats)
    if (path.extension() == ending) return ov::frontend::FrontEndManager().load_by_framework(framework);
  return nullptr;
}

// Asks the frontend that a file's ending stands for whether the file is of its kind. Core::read_model() would ask all
// frontends in turn, and some of them write to standard error what they think of it.
Status check_kind(const fs::path& path) {
  const auto frontend = frontend_for(path);
  if (frontend && frontend->supported(path.string())) return {};
  return error(Code::kDataLoss, "{}: cannot read the model: not {} that OpenVINO knows, or damaged", path.string(),
               path.extension() == ".xml" ? "an OpenVINO IR" : "an ONNX model");
}

Status refuse_states(const ov::Model& model, const fs::path& path) {
  std::vector<std::string> states;
  for (const auto& variable : model.get_variables()) states.push_back(variable->get_info().variable_id);
  if (states.empty()) return {};
  return error(Code::kFailedPrecondition,
               "{}: stateful model (ReadValue/Assign), which sparseloom does not support; its states: {}",
               path.string(), fmt::join(states, ", "));
}

// The shapes are known before anything is converted: what a graph looks like may depend on them (an If over a shape),
// and some operators cannot be converted without.
Result<std::shared_ptr<ov::Model>> convert_onnx(const ov::frontend::FrontEnd::Ptr& frontend,
                                                const ov::frontend::InputModel::Ptr& file, const fs::path& path,
                                                const std::map<std::string, Shape>& shapes) {
  const std::vector<ov::frontend::Place::Ptr> places = file->get_inputs();
  std::vector<FileInput> inputs;
  for (const auto& place : places) inputs.push_back({place->get_names(), extents_of(file->get_partial_shape(place))});
  SL_ASSIGN_OR_RETURN(const auto wanted, shapes_to_set(inputs, path, shapes));
  for (const auto& [i, shape] : wanted) file->set_partial_shape(places[i], ov::Shape(shape.begin(), shape.end()));
  return frontend->convert(file);
}

// OpenVINO's frontend (2026.4) reads a null pointer when it converts a Clip that lacks a bound and whose input comes
// from an operator that it could not convert. So a model with such Clips is converted without them first: if that
// fails, what cannot be converted is said, and nothing crashes.
Status check_open_clips(const ov::frontend::FrontEnd::Ptr& frontend, const fs::path& path,
                        const std::map<std::string, Shape>& shapes) {
  SL_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::open(path));
  const auto bytes = mapped.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.find("Clip") == std::string_view::npos) return {};  // parsing would copy the weights
  SL_ASSIGN_OR_RETURN(const OnnxFile file, OnnxFile::parse(bytes, path));
  const auto without = file.without_open_clips();
  if (!without) return {};
  std::istringstream stream(*without);
  return convert_onnx(frontend, frontend->load(static_cast<std::istream*>(&stream), path.string()), path, shapes)
      .status();
}

Result<std::shared_ptr<ov::Model>> read_onnx(const fs::path& path, const std::map<std::string, Shape>& shapes) {
  const auto frontend = frontend_for(path);
  SL_RETURN_IF_ERROR(check_open_clips(frontend, path, shapes));
  constexpr bool kMapped = true;  // weights are not copied
  return convert_onnx(frontend, frontend->load(path.string(), kMapped), path, shapes);
}

Result<std::shared_ptr<ov::Model>> read_ir(ov::Core& core, const fs::path& path,
                                           const std::map<std::string, Shape>& shapes) {
  std::shared_ptr<ov::Model> model = core.read_model(path);
  std::vector<FileInput> inputs;
  for (const auto& parameter : model->get_parameters()) {
    FileInput& input =
        inputs.emplace_back(FileInput{{parameter->get_friendly_name()}, extents_of(parameter->get_partial_shape())});
    for (const std::string& name : parameter->output(0).get_names()) input.names.push_back(name);
  }
  SL_ASSIGN_OR_RETURN(const auto found, shapes_to_set(inputs, path, shapes));
  std::map<std::size_t, ov::PartialShape> wanted;
  for (const auto& [i, shape] : found) wanted[i] = ov::Shape(shape.begin(), shape.end());
  SL_RETURN_IF_ERROR(
      guarded(Code::kInvalidArgument, path.string() + ": cannot set the shapes asked for", [&]() -> Status {
        if (!wanted.empty()) model->reshape(wanted);
        return {};
      }));
  return model;
}

Status refuse_dynamic_outputs(const ov::Model& model, const fs::path& path) {
  for (const auto& output : model.outputs()) {
    if (output.get_partial_shape().is_dynamic()) {
      return error(Code::kFailedPrecondition,
                   "{}: output '{}' has the shape {}, which depends on the data; only static ones are supported",
                   path.string(), output.get_node()->get_input_node_ptr(0)->get_friendly_name(),
                   output.get_partial_shape().to_string());
    }
  }
  return {};
}

Result<std::shared_ptr<ov::Model>> read_openvino(ov::Core& core, const fs::path& path,
                                                 const std::map<std::string, Shape>& shapes) {
  SL_RETURN_IF_ERROR(check_is_file(path));
  const std::string reading = path.string() + ": cannot read the model";
  SL_RETURN_IF_ERROR(guarded(Code::kDataLoss, reading, [&] { return check_kind(path); }));
  SL_ASSIGN_OR_RETURN(const auto model, guarded(Code::kDataLoss, reading, [&] {
                        return path.extension() == ".onnx" ? read_onnx(path, shapes) : read_ir(core, path, shapes);
                      }));
  SL_RETURN_IF_ERROR(refuse_states(*model, path));
  for (const auto& parameter : model->get_parameters())  // make_executable() recognises tensors by their names
    if (parameter->output(0).get_names().empty()) parameter->output(0).set_names({parameter->get_friendly_name()});
  SL_RETURN_IF_ERROR(refuse_dynamic_outputs(*model, path));
  return model;
}

std::shared_ptr<ov::Core> core_with_sparse_layers() {
  auto core = std::make_shared<ov::Core>();
  core->add_extension(std::make_shared<ov::OpExtension<SparseOp>>());
  return core;
}

class OpenVinoRuntime final : public Runtime {
 public:
  std::string name() const override { return "openvino"; }
  std::string version() const override { return std::string("openvino ") + ov::get_openvino_version().buildNumber; }

  std::vector<Device> devices() const override {
    std::vector<Device> found;
    try {
      for (const std::string& device : core_->get_available_devices()) {
        found.push_back(
            {device, core_->get_property(device, ov::device::full_name), providers_on(*core_, name(), device)});
      }
    } catch (const std::exception&) {  // a plugin that cannot start offers no device
    }
    return found;
  }

  Result<std::unique_ptr<Model>> read(const fs::path& path, const std::map<std::string, Shape>& shapes) const override {
    SL_ASSIGN_OR_RETURN(auto model, read_openvino(*core_, path, shapes));
    return guarded(Code::kInternal, path.string(), [&]() -> Result<std::unique_ptr<Model>> {
      fold_shapes(*model);
      SL_ASSIGN_OR_RETURN(auto read, OpenVinoModel::make(core_, std::move(model), path.string()));
      for (const Edge& edge : read->graph().edges) SL_RETURN_IF_ERROR(check_fits_memory(edge.spec, path));
      return read;
    });
  }

  Result<std::unique_ptr<Executable>> load(const fs::path& path, const CompileOptions& asked) const override {
    CompileOptions options = asked;
    const std::string doing = fmt::format("{}: compile for {}", path.string(), options.device);
    SL_RETURN_IF_ERROR(check_is_file(path));
    if (options.device != "CPU") options.sparse_layers = SparseLayers::kNone;
    SL_ASSIGN_OR_RETURN(Compiled compiled, guarded(Code::kInternal, doing, [&] { return load_kept(path, options); }));
    if (!compiled.model) {  // sparse layers bring nothing
      options.sparse_layers = SparseLayers::kNone;
      SL_ASSIGN_OR_RETURN(compiled, guarded(Code::kInternal, doing, [&] { return load_kept(path, options); }));
    }
    return make_executable(std::move(compiled.model), path.string(), options, compiled.sparse_layers, compiled.file);
  }

  Result<std::unique_ptr<Executable>> compile(const Model& model, const CompileOptions& options) const override {
    const auto* const ours = dynamic_cast<const OpenVinoModel*>(&model);
    if (ours != nullptr) return ours->compile(options);
    return error(Code::kInvalidArgument, "compile: a model that another runtime has read");
  }

 private:
  // From the cache if there is one; what is not there yet is compiled, kept and then taken from there: that way it
  // needs less memory. Where nothing can be kept, because the disk is full or read-only, it goes without.
  Result<Compiled> load_kept(const fs::path& path, const CompileOptions& options) const {
    // An IR is two files. Other formats may have weights anywhere, whose change nobody would notice.
    if (options.cache_dir.empty() || path.extension() != ".xml") return compile_file(path, options, {});
    const CompiledCache cache(*core_, path, options);
    if (auto found = cache.find()) return std::move(*found);
    auto kept = compile_and_keep(path, options, cache);
    const Code code = kept.status().code();
    const bool full_or_read_only = code == Code::kUnavailable || code == Code::kResourceExhausted;
    return full_or_read_only ? compile_file(path, options, {}) : std::move(kept);
  }

  Result<Compiled> compile_and_keep(const fs::path& path, const CompileOptions& options,
                                    const CompiledCache& cache) const {
    std::error_code failure;
    fs::create_directories(options.cache_dir, failure);
    if (failure) return error(Code::kUnavailable, "{}: {}", options.cache_dir.string(), failure.message());
    SL_ASSIGN_OR_RETURN(Compiled fresh, compile_file(path, options, cache.folder()));
    SL_RETURN_IF_ERROR(cache.keep(fresh));
    if (auto found = cache.find()) return std::move(*found);
    return fresh;
  }

  Result<Compiled> compile_file(const fs::path& path, const CompileOptions& options, const fs::path& folder) const {
    SL_ASSIGN_OR_RETURN(const auto model, read_openvino(*core_, path, {}));
    if (options.sparse_layers != SparseLayers::kNone) return compile_sparse(*core_, model, options, folder);
    return Compiled{.model = compile_model(*core_, model, options), .sparse_layers = 0};
  }

  std::shared_ptr<ov::Core> core_ = core_with_sparse_layers();
};

}  // namespace

std::unique_ptr<Runtime> make_openvino_runtime() { return std::make_unique<OpenVinoRuntime>(); }

}  // namespace sparseloom::backend
