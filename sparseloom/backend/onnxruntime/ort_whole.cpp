#include "sparseloom/backend/onnxruntime/ort_whole.h"

#include <algorithm>
#include <cstring>

#include "sparseloom/backend/onnx/onnx_file.h"
#include "sparseloom/backend/onnx/onnx_types.h"

namespace sparseloom::backend {
namespace {

namespace fs = std::filesystem;

constexpr std::array kTries{0.0, 1.0};  // what all numbers of all inputs are, run by run

Result<std::vector<TensorSpec>> input_specs(const OnnxFile& file, const fs::path& path,
                                            const std::map<std::string, Shape>& shapes) {
  const std::vector<OnnxInput> inputs = file.inputs();
  std::vector<FileInput> of_file;
  for (const OnnxInput& input : inputs) {
    const std::string& name = input.file.names.front();
    if (!input.type)
      return error(Code::kFailedPrecondition, "{}: input '{}' has a type that is not supported", path.string(), name);
    of_file.push_back(input.file);
  }
  SL_ASSIGN_OR_RETURN(const auto wanted, shapes_to_set(of_file, path, shapes));
  std::vector<TensorSpec> specs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    TensorSpec& spec = specs.emplace_back(TensorSpec{of_file[i].names.front(), *inputs[i].type, {}});
    if (const auto found = wanted.find(i); found != wanted.end()) {
      spec.shape = found->second;
    } else {
      for (const Extent& extent : *of_file[i].shape) spec.shape.push_back(extent.least);
    }
  }
  return specs;
}

template <typename Number>
void fill(HostBuffer& buffer, double value) {
  const auto number = static_cast<Number>(value);
  for (std::size_t at = 0; at + sizeof number <= buffer.size(); at += sizeof number)
    std::memcpy(buffer.data() + at, &number, sizeof number);
}

// Half precision: nought for every value. Such inputs are features, whose values shapes do not follow.
HostBuffer filled(const TensorSpec& spec, double value) {
  HostBuffer buffer(spec.bytes());
  std::memset(buffer.data(), 0, buffer.size());
  if (spec.type == ElementType::kF32) {
    fill<float>(buffer, value);
  } else if (spec.type == ElementType::kF64) {
    fill<double>(buffer, value);
  } else if (spec.type != ElementType::kF16 && spec.type != ElementType::kBF16) {
    switch (element_bytes(spec.type)) {
      case 1: fill<std::int8_t>(buffer, value); break;
      case 2: fill<std::int16_t>(buffer, value); break;
      case 4: fill<std::int32_t>(buffer, value); break;
      default: fill<std::int64_t>(buffer, value);
    }
  }
  return buffer;
}

Result<std::vector<TensorSpec>> output_specs(Ort::Session& session, const fs::path& path,
                                             const std::vector<TensorSpec>& inputs, double value) {
  std::vector<HostBuffer> buffers;
  std::vector<Ort::Value> values;
  std::vector<const char*> in, out;
  for (const TensorSpec& input : inputs) {
    buffers.push_back(filled(input, value));
    values.push_back(host_value(input, buffers.back().data()));
    in.push_back(input.name.c_str());
  }
  const std::vector<std::string> names = session.GetOutputNames();
  for (const std::string& name : names) out.push_back(name.c_str());
  Ort::RunOptions quiet;  // what goes wrong here is in what is thrown
  quiet.SetRunLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
  const auto results = session.Run(quiet, in.data(), values.data(), values.size(), out.data(), out.size());
  std::vector<TensorSpec> specs;
  for (std::size_t k = 0; k < results.size(); ++k) {
    const auto unsupported = [&](std::string_view what) {
      return error(Code::kFailedPrecondition, "{}: output '{}' {}", path.string(), names[k], what);
    };
    if (!results[k].IsTensor()) return unsupported("is no tensor; only tensors are supported");
    const auto tensor = results[k].GetTensorTypeAndShapeInfo();
    const auto type = from_onnx_number(tensor.GetElementType());
    if (!type) return unsupported("has an element type that is not supported");
    specs.push_back({names[k], *type, tensor.GetShape()});
  }
  return specs;
}

// What no made-up input gives the same shape twice, or any element, has none that is static.
Status check_static(const fs::path& path, const std::vector<TensorSpec>& first, const std::vector<TensorSpec>& second) {
  for (std::size_t k = 0; k < first.size(); ++k) {
    const auto elements = element_count(first[k].shape);
    if (first[k].same_layout(second[k]) && elements.ok() && *elements > 0) continue;
    return error(Code::kFailedPrecondition,
                 "{}: output '{}' has a shape that depends on the data ({} and {}); only static ones are supported",
                 path.string(), first[k].name, to_string(first[k].shape), to_string(second[k].shape));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Model>> OrtWhole::read(const fs::path& path, const std::map<std::string, Shape>& shapes,
                                              const std::string& why) {
  SL_ASSIGN_OR_RETURN(const OnnxFile file, OnnxFile::open(path));
  OrtPorts ports;
  SL_ASSIGN_OR_RETURN(ports.inputs, input_specs(file, path, shapes));
  Ort::Session session{nullptr};
  SL_RETURN_IF_ERROR(guarded_ort(Code::kDataLoss, path.string() + ": cannot read the model", [&]() -> Status {
    Ort::SessionOptions quick;
    quick.SetIntraOpNumThreads(1);
    quick.SetGraphOptimizationLevel(ORT_DISABLE_ALL);
    quick.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
    session = Ort::Session(ort_env(), path.c_str(), quick);
    return {};
  }));
  return guarded_ort(Code::kFailedPrecondition, path.string() + ": a first run",
                     [&]() -> Result<std::unique_ptr<Model>> {
                       SL_ASSIGN_OR_RETURN(ports.outputs, output_specs(session, path, ports.inputs, kTries.front()));
                       SL_ASSIGN_OR_RETURN(const auto again, output_specs(session, path, ports.inputs, kTries.back()));
                       SL_RETURN_IF_ERROR(check_static(path, ports.outputs, again));
                       return std::unique_ptr<Model>(new OrtWhole(path, ports, why));
                     });
}

OrtWhole::OrtWhole(fs::path path, const OrtPorts& ports, std::string why) : path_(std::move(path)) {
  graph_.why_opaque = std::move(why);
  const NodeId id(ports.inputs.size());
  for (const TensorSpec& input : ports.inputs) {
    const EdgeId edge(graph_.edges.size());
    Node& parameter = graph_.nodes.emplace_back();
    parameter.name = input.name;
    parameter.op = "Parameter";
    parameter.outputs = {edge};
    graph_.edges.push_back({.spec = input, .producer = NodeId(graph_.nodes.size() - 1), .consumers = {id}});
    graph_.inputs.push_back(edge);
  }
  for (const TensorSpec& output : ports.outputs) {
    graph_.outputs.emplace_back(graph_.edges.size());
    graph_.edges.push_back({.spec = output, .producer = id, .consumers = {}});
  }
  Node& model = graph_.nodes.emplace_back();
  model.name = path_.stem().string();
  model.op = "ONNX model";
  model.inputs = graph_.inputs;
  model.outputs = graph_.outputs;
}

Result<std::unique_ptr<Model>> OrtWhole::extract(const std::vector<EdgeId>& inputs, const std::vector<EdgeId>& outputs,
                                                 const PieceTypes& types) const {
  const auto same_types = [&](const std::vector<EdgeId>& edges, const std::vector<ElementType>& wanted) {
    return wanted.empty() || std::equal(edges.begin(), edges.end(), wanted.begin(), wanted.end(),
                                        [&](EdgeId edge, ElementType t) { return graph_.edge(edge).spec.type == t; });
  };
  const bool all = std::is_permutation(inputs.begin(), inputs.end(), graph_.inputs.begin(), graph_.inputs.end()) &&
                   outputs == graph_.outputs;
  if (!all || !same_types(inputs, types.inputs) || !same_types(outputs, types.outputs)) {
    return error(Code::kFailedPrecondition,
                 "{}; ONNX Runtime runs it whole and as it is: it cannot be cut, nor its types converted",
                 graph_.why_opaque);
  }
  Graph graph = graph_;
  graph.inputs = inputs;
  graph.nodes.back().inputs = inputs;
  return std::unique_ptr<Model>(new OrtWhole(path_, std::move(graph)));
}

Status OrtWhole::save(const fs::path& path) const {
  if (path.extension() != ".onnx") {
    return error(Code::kInvalidArgument, "{}: cannot be saved but as ONNX (.onnx): {}", path.string(),
                 graph_.why_opaque);
  }
  SL_ASSIGN_OR_RETURN(const OnnxFile file, OnnxFile::open(path_));
  const OrtPorts all = ports();
  return file.save_piece(all.inputs, all.outputs, path);
}

OrtPorts OrtWhole::ports() const {
  OrtPorts ports;
  for (const EdgeId edge : graph_.inputs) ports.inputs.push_back(graph_.edge(edge).spec);
  for (const EdgeId edge : graph_.outputs) ports.outputs.push_back(graph_.edge(edge).spec);
  return ports;
}

}  // namespace sparseloom::backend
