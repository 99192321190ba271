// Small OpenVINO models written by hand, so that tests need no model file and no exporter.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "sparseloom/base/file.h"

namespace sparseloom::testing {

/// Builds an IR (version 11) layer by layer; every tensor is f32, but for integers(). Layers are referred to by the
/// number that adding them returns.
class TinyIr {
 public:
  using Dims = std::vector<std::int64_t>;

  int parameter(const std::string& name, const Dims& dims) {
    return add(name, "Parameter", "opset1", fmt::format(R"(<data shape="{}" element_type="f32"/>)", list(dims)), {},
               dims);
  }
  /// Values come from a small fixed generator, in -0.5..0.5, unless `value` is given for all of them. All but every
  /// `keep`-th are zero.
  int constant(const std::string& name, const Dims& dims, const float* value = nullptr, std::size_t keep = 1) {
    std::size_t count = 1;
    for (const std::int64_t d : dims) count *= static_cast<std::size_t>(d);
    const std::size_t offset = weights_.size();
    for (std::size_t i = 0; i < count; ++i) {
      state_ = state_ * 1664525U + 1013904223U;
      const float made = value != nullptr ? *value : static_cast<float>(state_ >> 8) / 16777216.0F - 0.5F;
      const float x = i % keep == 0 ? made : 0.0F;
      weights_.append(reinterpret_cast<const char*>(&x), sizeof x);
    }
    return add(name, "Const", "opset1",
               fmt::format(R"(<data element_type="f32" shape="{}" offset="{}" size="{}"/>)", list(dims), offset,
                           count * sizeof(float)),
               {}, dims);
  }
  /// An i64 constant: axes, a shape.
  int integers(const std::string& name, const std::vector<std::int64_t>& values) {
    const std::size_t offset = weights_.size(), bytes = values.size() * sizeof(std::int64_t);
    weights_.append(reinterpret_cast<const char*>(values.data()), bytes);
    const Dims dims{static_cast<std::int64_t>(values.size())};
    return add(name, "Const", "opset1",
               fmt::format(R"(<data element_type="i64" shape="{}" offset="{}" size="{}"/>)", list(dims), offset, bytes),
               {}, dims);
  }
  int add(const std::string& name, const std::string& type, const std::string& opset, const std::string& data,
          const std::vector<int>& inputs, const Dims& dims) {
    const int id = static_cast<int>(dims_.size());
    std::string ports;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      ports += port(static_cast<int>(i), dims_[static_cast<std::size_t>(inputs[i])]);
      edges_ += fmt::format(R"(<edge from-layer="{}" from-port="{}" to-layer="{}" to-port="{}"/>)", inputs[i],
                            out_port_[static_cast<std::size_t>(inputs[i])], id, i);
    }
    layers_ += fmt::format(R"(<layer id="{}" name="{}" type="{}" version="{}">{})", id, name, type, opset, data);
    if (!inputs.empty()) layers_ += "<input>" + ports + "</input>";
    const int out = static_cast<int>(inputs.size());
    if (type != "Result") layers_ += "<output>" + port(out, dims) + "</output>";
    layers_ += "</layer>\n";
    dims_.push_back(dims);
    out_port_.push_back(out);
    return id;
  }
  /// name = relu(x · w), plus `residual` if it is not negative.
  int dense_block(const std::string& name, int x, std::int64_t width, int residual = -1) {
    const Dims dims{1, width};
    const int w = constant(name + "/w", {width, width});
    int y =
        add(name + "/matmul", "MatMul", "opset1", R"(<data transpose_a="false" transpose_b="false"/>)", {x, w}, dims);
    if (residual >= 0)
      y = add(name + "/add", "Add", "opset1", R"(<data auto_broadcast="numpy"/>)", {y, residual}, dims);
    return add(name, "ReLU", "opset1", "", {y}, dims);
  }
  void result(int x) { add(fmt::format("result{}", results_++), "Result", "opset1", "", {x}, {}); }

  std::string xml() const {
    return "<?xml version=\"1.0\"?>\n<net name=\"tiny\" version=\"11\">\n<layers>\n" + layers_ + "</layers>\n<edges>" +
           edges_ + "</edges>\n<rt_info/></net>\n";
  }
  const std::string& weights() const { return weights_; }

  /// Writes `path` (.xml) and the .bin beside it.
  std::filesystem::path write(const std::filesystem::path& path) const {
    std::filesystem::path bin = path;
    if (!write_file(path, xml()).ok() || !write_file(bin.replace_extension(".bin"), weights_).ok()) return {};
    return path;
  }

 private:
  static std::string list(const Dims& dims) {
    std::string text;
    for (const std::int64_t d : dims)
      text += (text.empty() ? "" : ",") + (d < 0 ? std::string("?") : fmt::to_string(d));
    return text;
  }
  static std::string port(int id, const Dims& dims) {
    std::string text = fmt::format(R"(<port id="{}" precision="FP32">)", id);
    for (const std::int64_t d : dims) text += fmt::format("<dim>{}</dim>", d);
    return text + "</port>";
  }

  std::string layers_, edges_, weights_;
  std::vector<Dims> dims_;
  std::vector<int> out_port_;
  std::uint32_t state_ = 1;
  int results_ = 0;
};

/// Residual blocks in a row on x[1,width]: block k is "block<k>", its first half "block<k>/half".
inline TinyIr tiny_resnet(int blocks, std::int64_t width = 16) {
  TinyIr ir;
  int x = ir.parameter("x", {1, width});
  for (int k = 0; k < blocks; ++k) {
    const std::string name = fmt::format("block{}", k);
    x = ir.dense_block(name, ir.dense_block(name + "/half", x, width), width, x);
  }
  ir.result(x);
  return ir;
}

/// y = x + memory, memory = y: one state, "memory".
inline TinyIr tiny_stateful() {
  TinyIr ir;
  const int x = ir.parameter("x", {1, 4});
  const std::string data = R"(<data variable_id="memory" variable_type="f32" variable_shape="1,4"/>)";
  const int read = ir.add("read", "ReadValue", "opset6", data, {ir.constant("zero", {1, 4})}, {1, 4});
  const int y = ir.add("y", "Add", "opset1", R"(<data auto_broadcast="numpy"/>)", {x, read}, {1, 4});
  ir.add("assign", "Assign", "opset6", R"(<data variable_id="memory"/>)", {y}, {1, 4});
  ir.result(y);
  return ir;
}

}  // namespace sparseloom::testing
