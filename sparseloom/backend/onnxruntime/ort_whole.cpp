#include "sparseloom/backend/onnxruntime/ort_whole.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <random>

#include "sparseloom/backend/onnx/onnx_file.h"
#include "sparseloom/backend/onnx/onnx_types.h"

namespace sparseloom::backend {
namespace {

namespace fs = std::filesystem;

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

/// What inputs hold in a first run. Values decide shapes in few models, but those that are refused by the operators
/// tell nothing: several are tried.
struct MadeUp {
  double deviation;          ///< floating-point numbers are normal about 0
  std::int64_t least, most;  ///< integers
  std::uint64_t seed;
};
constexpr std::array kMadeUp{MadeUp{1, 1, 1, 1}, MadeUp{10, 1, 2, 2}};
/// Tried if none of those runs: noughts divide, and index tables of one row.
constexpr MadeUp kNoughts{1, 0, 0, 1};

template <typename Number, typename Next>
void fill(HostBuffer& buffer, const Next& next) {
  for (std::size_t at = 0; at + sizeof(Number) <= buffer.size(); at += sizeof(Number)) {
    const auto number = static_cast<Number>(next());
    std::memcpy(buffer.data() + at, &number, sizeof number);
  }
}

// Half precision: nought for every value. Such inputs are features, whose values shapes do not follow.
HostBuffer made_up(const TensorSpec& spec, const MadeUp& values) {
  HostBuffer buffer(spec.bytes());
  std::memset(buffer.data(), 0, buffer.size());
  std::mt19937_64 random(values.seed);
  std::normal_distribution<double> normal(0, values.deviation);
  std::uniform_int_distribution<std::int64_t> whole(values.least, values.most);
  const auto number = [&] { return normal(random); };
  const auto integer = [&] { return whole(random); };
  switch (spec.type) {
    case ElementType::kF32: fill<float>(buffer, number); break;
    case ElementType::kF64: fill<double>(buffer, number); break;
    case ElementType::kF16:
    case ElementType::kBF16: break;
    case ElementType::kBool: std::memset(buffer.data(), 1, buffer.size()); break;
    default:
      switch (element_bytes(spec.type)) {
        case 1: fill<std::int8_t>(buffer, integer); break;
        case 2: fill<std::int16_t>(buffer, integer); break;
        case 4: fill<std::int32_t>(buffer, integer); break;
        default: fill<std::int64_t>(buffer, integer);
      }
  }
  return buffer;
}

// kFailedPrecondition: no tensor, or of an unsupported type.
Result<TensorSpec> output_spec(const fs::path& path, const std::string& name, bool is_tensor, int type, Shape shape) {
  const auto known = is_tensor ? from_onnx_number(type) : std::nullopt;
  if (known) return TensorSpec{name, *known, std::move(shape)};
  return error(Code::kFailedPrecondition, "{}: output '{}' {}", path.string(), name,
               is_tensor ? "has an element type that is not supported" : "is no tensor; only tensors are supported");
}

// As the file states them; -1 for what it leaves open.
Result<std::vector<TensorSpec>> stated_outputs(const Ort::Session& session, const fs::path& path) {
  const std::vector<std::string> names = session.GetOutputNames();
  std::vector<TensorSpec> specs;
  for (std::size_t k = 0; k < names.size(); ++k) {
    const Ort::TypeInfo info = session.GetOutputTypeInfo(k);
    const bool is_tensor = info.GetONNXType() == ONNX_TYPE_TENSOR;
    SL_ASSIGN_OR_RETURN(
        TensorSpec spec,
        output_spec(path, names[k], is_tensor, is_tensor ? info.GetTensorTypeAndShapeInfo().GetElementType() : 0,
                    is_tensor ? info.GetTensorTypeAndShapeInfo().GetShape() : Shape()));
    specs.push_back(std::move(spec));
  }
  return specs;
}

Result<std::vector<TensorSpec>> tried_outputs(Ort::Session& session, const fs::path& path,
                                              const std::vector<TensorSpec>& inputs, const MadeUp& values) {
  std::vector<HostBuffer> buffers;
  std::vector<Ort::Value> bound;
  std::vector<const char*> in, out;
  for (const TensorSpec& input : inputs) {
    buffers.push_back(made_up(input, values));
    bound.push_back(host_value(input, buffers.back().data()));
    in.push_back(input.name.c_str());
  }
  const std::vector<std::string> names = session.GetOutputNames();
  for (const std::string& name : names) out.push_back(name.c_str());
  return guarded_ort(
      Code::kFailedPrecondition, path.string() + ": a first run on made-up inputs",
      [&]() -> Result<std::vector<TensorSpec>> {
        Ort::RunOptions quiet;  // what goes wrong here is in what is thrown
        quiet.SetRunLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
        const auto results = session.Run(quiet, in.data(), bound.data(), bound.size(), out.data(), out.size());
        std::vector<TensorSpec> specs;
        for (std::size_t k = 0; k < results.size(); ++k) {
          const bool is_tensor = results[k].IsTensor();
          const auto info = results[k].GetTensorTypeAndShapeInfo();
          SL_ASSIGN_OR_RETURN(TensorSpec spec,
                              output_spec(path, names[k], is_tensor, info.GetElementType(), info.GetShape()));
          specs.push_back(std::move(spec));
        }
        return specs;
      });
}

// Whether the shapes of two runs are the same.
Status check_static(const fs::path& path, const std::vector<TensorSpec>& first, const std::vector<TensorSpec>& second) {
  for (std::size_t k = 0; k < first.size(); ++k) {
    if (first[k].same_layout(second[k])) continue;
    return error(Code::kFailedPrecondition,
                 "{}: output '{}' has a shape that depends on the data ({} and {}); only static ones are supported",
                 path.string(), first[k].name, to_string(first[k].shape), to_string(second[k].shape));
  }
  return {};
}

Status check_not_empty(const fs::path& path, const std::vector<TensorSpec>& outputs) {
  for (const TensorSpec& output : outputs) {
    const auto elements = element_count(output.shape);
    if (elements.ok() && *elements > 0) continue;
    return error(Code::kFailedPrecondition, "{}: output '{}' has the shape {}, which holds nothing", path.string(),
                 output.name, to_string(output.shape));
  }
  return {};
}

// Of made-up inputs those count that the model runs on; all of them must give the same shapes.
Result<std::vector<TensorSpec>> outputs_by_running(Ort::Session& session, const fs::path& path,
                                                   const std::vector<TensorSpec>& inputs) {
  std::optional<std::vector<TensorSpec>> found;
  Status failure;
  for (const MadeUp& values : kMadeUp) {
    auto outputs = tried_outputs(session, path, inputs, values);
    if (!outputs.ok()) {
      if (failure.ok()) failure = outputs.status();
      continue;
    }
    if (found) SL_RETURN_IF_ERROR(check_static(path, *found, *outputs));
    found = std::move(outputs).value();
  }
  if (found) return *std::move(found);
  auto outputs = tried_outputs(session, path, inputs, kNoughts);
  return outputs.ok() ? std::move(outputs) : Result<std::vector<TensorSpec>>(failure);
}

}  // namespace

Result<std::unique_ptr<Model>> OrtWhole::read(const fs::path& path, const std::map<std::string, Shape>& shapes,
                                              const std::string& why) {
  OrtPorts ports;
  std::int64_t parameters = 0;
  {
    SL_ASSIGN_OR_RETURN(const OnnxFile file, OnnxFile::open(path));  // holds the weights too
    SL_ASSIGN_OR_RETURN(ports.inputs, input_specs(file, path, shapes));
    parameters = file.parameters();
  }
  for (const TensorSpec& input : ports.inputs) SL_RETURN_IF_ERROR(check_fits_memory(input, path));
  Ort::Session session{nullptr};
  SL_RETURN_IF_ERROR(guarded_ort(Code::kDataLoss, path.string() + ": cannot read the model", [&]() -> Status {
    Ort::SessionOptions quick;
    quick.SetIntraOpNumThreads(1);
    quick.SetGraphOptimizationLevel(ORT_DISABLE_ALL);
    quick.SetLogSeverityLevel(ORT_LOGGING_LEVEL_FATAL);
    session = Ort::Session(ort_env(), path.c_str(), quick);
    return {};
  }));
  SL_ASSIGN_OR_RETURN(ports.outputs, guarded_ort(Code::kFailedPrecondition, path.string(),
                                                 [&] { return stated_outputs(session, path); }));
  const bool open = std::any_of(ports.outputs.begin(), ports.outputs.end(), [](const TensorSpec& output) {
    return std::any_of(output.shape.begin(), output.shape.end(), [](std::int64_t extent) { return extent < 0; });
  });
  if (open) {
    SL_ASSIGN_OR_RETURN(ports.outputs, outputs_by_running(session, path, ports.inputs));
  }
  SL_RETURN_IF_ERROR(check_not_empty(path, ports.outputs));
  return std::unique_ptr<Model>(new OrtWhole(path, ports, parameters, why));
}

OrtWhole::OrtWhole(fs::path path, const OrtPorts& ports, std::int64_t parameters, std::string why)
    : path_(std::move(path)) {
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
  model.weights.count = parameters;
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
