#include "sparseloom/backend/onnx/onnx_file.h"

#define ONNX_ML 1
#define ONNX_NAMESPACE onnx
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>

#include "sparseloom/backend/onnx/onnx_types.h"
#include "sparseloom/base/file.h"
#include "sparseloom/base/inside.h"
#include "sparseloom/base/mapped_file.h"

namespace sparseloom::backend {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFirstIrWithFreeInitializers = 4;  // before, every weight had to be an input too
constexpr std::int64_t kSlicesByInputs = 10;              // before, Slice had attributes
constexpr std::size_t kInlineBytes = 1024;                // smaller weights stay in the model file
constexpr std::size_t kWeightAlignment = 64;

// What is visited of a model: its tensors, wherever they are.
template <typename Visit>
void visit_tensors(const onnx::GraphProto& graph, const Visit& visit);

template <typename Visit>
void visit_tensors(const onnx::AttributeProto& attribute, const Visit& visit) {
  if (attribute.has_t()) visit(attribute.t());
  for (const auto& tensor : attribute.tensors()) visit(tensor);
  if (attribute.has_sparse_tensor()) {
    visit(attribute.sparse_tensor().values());
    visit(attribute.sparse_tensor().indices());
  }
  for (const auto& sparse : attribute.sparse_tensors()) {
    visit(sparse.values());
    visit(sparse.indices());
  }
  if (attribute.has_g()) visit_tensors(attribute.g(), visit);
  for (const auto& graph : attribute.graphs()) visit_tensors(graph, visit);
}

template <typename Visit>
void visit_tensors(const onnx::GraphProto& graph, const Visit& visit) {
  for (const auto& tensor : graph.initializer()) visit(tensor);
  for (const auto& sparse : graph.sparse_initializer()) {
    visit(sparse.values());
    visit(sparse.indices());
  }
  for (const auto& node : graph.node())
    for (const auto& attribute : node.attribute()) visit_tensors(attribute, visit);
}

template <typename Visit>
void visit_tensors(const onnx::ModelProto& model, const Visit& visit) {
  visit_tensors(model.graph(), visit);
  for (const auto& function : model.functions()) {
    for (const auto& node : function.node())
      for (const auto& attribute : node.attribute()) visit_tensors(attribute, visit);
  }
  for (const auto& training : model.training_info()) {
    visit_tensors(training.initialization(), visit);
    visit_tensors(training.algorithm(), visit);
  }
}

// Puts an Identity in the place of every Clip that lacks a bound; how many there were.
std::size_t close_clips(google::protobuf::RepeatedPtrField<onnx::NodeProto>& nodes) {
  std::size_t closed = 0;
  for (onnx::NodeProto& node : nodes) {
    for (onnx::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) closed += close_clips(*attribute.mutable_g()->mutable_node());
      for (onnx::GraphProto& graph : *attribute.mutable_graphs()) closed += close_clips(*graph.mutable_node());
    }
    const bool both = node.input_size() >= 3 && !node.input(1).empty() && !node.input(2).empty();
    if (node.op_type() != "Clip" || both) continue;
    node.set_op_type("Identity");
    node.clear_attribute();
    while (node.input_size() > 1) node.mutable_input()->RemoveLast();
    ++closed;
  }
  return closed;
}

const std::string* external(const onnx::TensorProto& tensor, std::string_view key) {
  for (const auto& entry : tensor.external_data())
    if (entry.key() == key) return &entry.value();
  return nullptr;
}

bool is_external(const onnx::TensorProto& tensor) { return tensor.data_location() == onnx::TensorProto::EXTERNAL; }

// Tensors that a node reads: its inputs, and what the graphs inside it take from around them.
void add_captured(const onnx::GraphProto& graph, std::vector<std::string>& used) {
  std::set<std::string> own;
  for (const auto& input : graph.input()) own.insert(input.name());
  for (const auto& tensor : graph.initializer()) own.insert(tensor.name());
  for (const auto& node : graph.node()) own.insert(node.output().begin(), node.output().end());
  std::vector<std::string> inside;
  for (const auto& node : graph.node()) {
    inside.insert(inside.end(), node.input().begin(), node.input().end());
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) add_captured(attribute.g(), inside);
      for (const auto& nested : attribute.graphs()) add_captured(nested, inside);
    }
  }
  for (const auto& output : graph.output()) inside.push_back(output.name());
  for (std::string& name : inside)
    if (!own.contains(name)) used.push_back(std::move(name));
}

std::vector<std::string> tensors_read(const onnx::NodeProto& node) {
  std::vector<std::string> used(node.input().begin(), node.input().end());
  for (const auto& attribute : node.attribute()) {
    if (attribute.has_g()) add_captured(attribute.g(), used);
    for (const auto& graph : attribute.graphs()) add_captured(graph, used);
  }
  std::erase(used, std::string());  // an input that is left out
  return used;
}

void describe(const TensorSpec& spec, onnx::ValueInfoProto& info) {
  info.set_name(spec.name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx_number(spec.type));
  tensor.mutable_shape();  // a scalar has one too
  for (const std::int64_t extent : spec.shape) tensor.mutable_shape()->add_dim()->set_dim_value(extent);
}

std::vector<Extent> extents_of(const onnx::TensorShapeProto& shape) {
  std::vector<Extent> extents;
  for (const auto& dimension : shape.dim()) {
    const bool known = dimension.has_dim_value() && dimension.dim_value() >= 0;  // some write -1 for what is not
    extents.push_back(known ? Extent{dimension.dim_value(), dimension.dim_value()} : Extent{});
  }
  return extents;
}

// Copies weights into one file beside a piece.
class WeightFile {
 public:
  WeightFile(fs::path source_folder, fs::path path)
      : source_folder_(std::move(source_folder)), path_(std::move(path)) {}

  // Moves the tensor's data, in the file or out of it, over here if it is large.
  Status take(onnx::TensorProto& tensor) {
    if (is_external(tensor)) return take_external(tensor);
    if (tensor.raw_data().size() < kInlineBytes) return {};
    SL_RETURN_IF_ERROR(append(tensor, tensor.raw_data()));
    tensor.clear_raw_data();
    return {};
  }

  Status close() {
    if (!out_.is_open()) return {};
    out_.close();
    if (out_) return {};
    return error(Code::kResourceExhausted, "{}: cannot write; is the disk full?", path_.string());
  }

 private:
  Status take_external(onnx::TensorProto& tensor) {
    const std::string* const location = external(tensor, "location");
    const std::string where = fmt::format("weight '{}'", tensor.name());
    if (location == nullptr) return error(Code::kDataLoss, "{}: says no file that it lies in", where);
    if (const std::string problem = path_problem(*location); !problem.empty())
      return error(Code::kDataLoss, "{}: {}", where, problem);
    auto found = sources_.find(*location);
    if (found == sources_.end()) {
      SL_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(source_folder_ / *location));
      found = sources_.emplace(*location, std::move(file)).first;
    }
    const std::span<const std::byte> bytes = found->second.bytes();
    const auto number = [&](std::string_view key, std::uint64_t otherwise) {
      const std::string* const text = external(tensor, key);
      std::uint64_t value = otherwise;
      if (text != nullptr) std::from_chars(text->data(), text->data() + text->size(), value);
      return value;
    };
    const std::uint64_t offset = number("offset", 0);
    const std::uint64_t length = number("length", offset <= bytes.size() ? bytes.size() - offset : 0);
    if (offset > bytes.size() || length > bytes.size() - offset) {
      return error(Code::kDataLoss, "{}: {} has {} bytes; it lies at {}, {} bytes", where, *location, bytes.size(),
                   offset, length);
    }
    return append(tensor, {reinterpret_cast<const char*>(bytes.data()) + offset, length});
  }

  Status append(onnx::TensorProto& tensor, std::string_view data) {
    if (!out_.is_open()) out_.open(path_, std::ios::binary | std::ios::trunc);
    const std::size_t padding = (kWeightAlignment - written_ % kWeightAlignment) % kWeightAlignment;
    out_.write(std::string(padding, '\0').data(), static_cast<std::streamsize>(padding));
    out_.write(data.data(), static_cast<std::streamsize>(data.size()));
    if (!out_) return error(Code::kResourceExhausted, "{}: cannot write; is the disk full?", path_.string());
    written_ += padding;
    tensor.set_data_location(onnx::TensorProto::EXTERNAL);
    tensor.clear_external_data();
    const auto add = [&](const char* key, std::string value) {
      auto& entry = *tensor.add_external_data();
      entry.set_key(key);
      entry.set_value(std::move(value));
    };
    add("location", path_.filename().string());
    add("offset", std::to_string(written_));
    add("length", std::to_string(data.size()));
    written_ += data.size();
    return {};
  }

  fs::path source_folder_;
  fs::path path_;
  std::map<std::string, MappedFile> sources_;
  std::ofstream out_;
  std::size_t written_ = 0;
};

Status write_model(const onnx::ModelProto& model, const fs::path& path) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  if (model.SerializeToOstream(&out) && out.flush()) return {};
  return error(Code::kResourceExhausted, "{}: cannot write; is the disk full?", path.string());
}

}  // namespace

struct OnnxFile::Model {
  onnx::ModelProto proto;
  std::map<std::string, int> makers;   // tensor -> node
  std::map<std::string, int> weights;  // tensor -> initializer
  std::map<std::string, int> sparse;   // tensor -> sparse initializer
  std::set<std::string> inputs;        // without those that are weights

  void index() {
    const onnx::GraphProto& graph = proto.graph();
    for (int i = 0; i < graph.node_size(); ++i)
      for (const std::string& output : graph.node(i).output()) makers.emplace(output, i);
    makers.erase("");
    for (int i = 0; i < graph.initializer_size(); ++i) weights.emplace(graph.initializer(i).name(), i);
    for (int i = 0; i < graph.sparse_initializer_size(); ++i)
      sparse.emplace(graph.sparse_initializer(i).values().name(), i);
    for (const auto& input : graph.input())
      if (!is_weight(input.name())) inputs.insert(input.name());
  }
  bool is_weight(const std::string& name) const { return weights.contains(name) || sparse.contains(name); }
  bool knows(const std::string& name) const {
    return makers.contains(name) || is_weight(name) || inputs.contains(name);
  }
};

OnnxFile::OnnxFile(fs::path path, std::unique_ptr<Model> model) : path_(std::move(path)), model_(std::move(model)) {}
OnnxFile::OnnxFile(OnnxFile&&) noexcept = default;
OnnxFile& OnnxFile::operator=(OnnxFile&&) noexcept = default;
OnnxFile::~OnnxFile() = default;

Result<OnnxFile> OnnxFile::open(const fs::path& path) {
  SL_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::open(path));
  return parse(file.bytes(), path);
}

Result<OnnxFile> OnnxFile::parse(std::span<const std::byte> bytes, const fs::path& path) {
  auto model = std::make_unique<Model>();
  constexpr std::size_t kMost = std::numeric_limits<int>::max();
  const bool parsed = bytes.size() <= kMost && [&] {
    google::protobuf::io::ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()));
    google::protobuf::io::CodedInputStream coded(&stream);
    coded.SetTotalBytesLimit(std::numeric_limits<int>::max());
    return model->proto.ParseFromCodedStream(&coded) && coded.ConsumedEntireMessage();
  }();
  if (!parsed) return error(Code::kMalformed, "{}: not an ONNX model, or damaged", path.string());
  model->index();
  return OnnxFile(path, std::move(model));
}

std::set<std::string> OnnxFile::external_files() const {
  std::set<std::string> files;
  visit_tensors(model_->proto, [&](const onnx::TensorProto& tensor) {
    const std::string* const location = is_external(tensor) ? external(tensor, "location") : nullptr;
    if (location != nullptr) files.insert(*location);
  });
  return files;
}

std::vector<OnnxInput> OnnxFile::inputs() const {
  std::vector<OnnxInput> found;
  for (const auto& input : model_->proto.graph().input()) {
    if (model_->is_weight(input.name())) continue;
    OnnxInput& one = found.emplace_back();
    one.file.names = {input.name()};
    if (!input.type().has_tensor_type()) continue;
    const auto& tensor = input.type().tensor_type();
    one.type = from_onnx_number(tensor.elem_type());
    if (tensor.has_shape()) one.file.shape = extents_of(tensor.shape());
  }
  return found;
}

std::int64_t OnnxFile::parameters() const {
  std::int64_t all = 0;
  for (const auto& weight : model_->proto.graph().initializer()) {
    if (weight.dims_size() < 2) continue;
    std::int64_t count = 1;
    for (const std::int64_t extent : weight.dims())
      if (__builtin_mul_overflow(count, extent, &count)) count = 0;
    if (count > 0 && all <= std::numeric_limits<std::int64_t>::max() - count) all += count;
  }
  return all;
}

std::optional<std::string> OnnxFile::without_open_clips() const {
  onnx::ModelProto changed = model_->proto;
  std::size_t closed = close_clips(*changed.mutable_graph()->mutable_node());
  for (auto& function : *changed.mutable_functions()) closed += close_clips(*function.mutable_node());
  if (closed == 0) return std::nullopt;
  return changed.SerializeAsString();
}

std::optional<std::string> OnnxFile::find(const std::vector<std::string>& names) const {
  const auto found = std::find_if(names.begin(), names.end(), [&](const std::string& n) { return model_->knows(n); });
  return found == names.end() ? std::nullopt : std::optional(*found);
}

Result<std::vector<TensorSpec>> OnnxFile::specs_of(const Graph& graph, const std::vector<EdgeId>& edges) const {
  std::vector<TensorSpec> specs;
  for (const EdgeId id : edges) {
    const Edge& edge = graph.edge(id);
    std::vector<std::string> names{edge.spec.name};
    names.insert(names.end(), edge.aliases.begin(), edge.aliases.end());
    const auto name = find(names);
    if (!name) {
      return error(Code::kFailedPrecondition, "{}: cut at tensor '{}', which the ONNX file does not have",
                   path_.string(), edge.spec.name);
    }
    specs.push_back({*name, edge.spec.type, edge.spec.shape});
  }
  return specs;
}

struct OnnxFile::Piece {
  onnx::ModelProto proto;
};

Result<OnnxFile::Piece> OnnxFile::take_piece(const std::vector<TensorSpec>& inputs,
                                             const std::vector<TensorSpec>& outputs, const fs::path& path) const {
  const onnx::GraphProto& whole = model_->proto.graph();
  std::set<std::string> given;
  for (const TensorSpec& input : inputs) given.insert(input.name);

  // Backwards from the outputs to what is given.
  std::set<int> nodes;
  std::set<std::string> needed;
  std::vector<std::string> open;
  for (const TensorSpec& output : outputs) open.push_back(output.name);
  while (!open.empty()) {
    const std::string name = std::move(open.back());
    open.pop_back();
    if (given.contains(name) || !needed.insert(name).second || model_->is_weight(name)) continue;
    const auto maker = model_->makers.find(name);
    if (maker == model_->makers.end()) {
      return error(Code::kInvalidArgument, "{}: tensor '{}' is {}", path_.string(), name,
                   model_->inputs.contains(name) ? "needed, and not among the piece's inputs" : "not known");
    }
    if (!nodes.insert(maker->second).second) continue;
    for (std::string& read : tensors_read(whole.node(maker->second))) open.push_back(std::move(read));
  }

  Piece taken;
  onnx::ModelProto& piece = taken.proto;
  piece.set_ir_version(std::max(model_->proto.ir_version(), kFirstIrWithFreeInitializers));
  piece.set_producer_name(model_->proto.producer_name());
  *piece.mutable_opset_import() = model_->proto.opset_import();
  *piece.mutable_functions() = model_->proto.functions();
  onnx::GraphProto& graph = *piece.mutable_graph();
  graph.set_name(whole.name());
  for (const int node : nodes) *graph.add_node() = whole.node(node);
  WeightFile weights(path_.parent_path(), fs::path(path).replace_extension(".weights"));
  for (const auto& [name, index] : model_->weights) {
    if (!needed.contains(name)) continue;
    onnx::TensorProto& tensor = *graph.add_initializer();
    tensor = whole.initializer(index);
    SL_RETURN_IF_ERROR(weights.take(tensor).with_context(path_.string()));
  }
  for (const auto& [name, index] : model_->sparse)
    if (needed.contains(name)) *graph.add_sparse_initializer() = whole.sparse_initializer(index);
  SL_RETURN_IF_ERROR(weights.close());
  for (const TensorSpec& input : inputs) describe(input, *graph.add_input());
  std::set<std::string> returned;
  for (TensorSpec output : outputs) {
    const bool own =
        model_->makers.contains(output.name) && !given.contains(output.name) && returned.insert(output.name).second;
    if (!own) {
      onnx::NodeProto& copy = *graph.add_node();
      copy.set_op_type("Identity");
      copy.add_input(output.name);
      output.name += fmt::format("/returned{}", graph.output_size());
      copy.add_output(output.name);
    }
    describe(output, *graph.add_output());
  }
  return taken;
}

Status OnnxFile::save_piece(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs,
                            const fs::path& path) const {
  SL_ASSIGN_OR_RETURN(const Piece piece, take_piece(inputs, outputs, path));
  return write_model(piece.proto, path);
}

Result<std::vector<std::optional<AxisRange>>> OnnxFile::save_part(const std::vector<TensorSpec>& inputs,
                                                                  const TensorSpec& output, const AxisRange& range,
                                                                  const ShapeOf& shape_of, const fs::path& path) const {
  for (const auto& set : model_->proto.opset_import()) {
    if (!set.domain().empty() || set.version() >= kSlicesByInputs) continue;
    return error(Code::kFailedPrecondition, "{}: operator set {}; parts need {} or later", path_.string(),
                 set.version(), kSlicesByInputs);
  }
  SL_ASSIGN_OR_RETURN(Piece piece, take_piece(inputs, {output}, path));
  auto read = narrow(*piece.proto.mutable_graph(), range, shape_of);
  if (!read.ok()) return read.status().with_context(path_.string());
  SL_RETURN_IF_ERROR(write_model(piece.proto, path));
  return read;
}

}  // namespace sparseloom::backend
