// Small ONNX models written by hand, field by field, so that tests need neither a model file nor an exporter.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace sparseloom::testing {

/// Builds a protobuf message: `ProtoMessage().number(1, 8).bytes(2, "name")`.
class ProtoMessage {
 public:
  ProtoMessage& number(std::uint64_t field, std::uint64_t value) {
    put(field << 3);
    put(value);
    return *this;
  }
  ProtoMessage& bytes(std::uint64_t field, const std::string& content) {
    put((field << 3) | 2);
    put(content.size());
    text_ += content;
    return *this;
  }
  ProtoMessage& message(std::uint64_t field, const ProtoMessage& inner) { return bytes(field, inner.text_); }
  const std::string& text() const { return text_; }

 private:
  void put(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) text_ += static_cast<char>((value & 0x7f) | 0x80);
    text_ += static_cast<char>(value);
  }
  std::string text_;
};

/// A TensorProto f32[1,4] whose values are 16 bytes at `offset` of the file `location`.
inline ProtoMessage external_tensor(const std::string& name, const std::string& location, std::size_t offset = 0) {
  const auto entry = [](const std::string& key, const std::string& value) {
    return ProtoMessage().bytes(1, key).bytes(2, value);
  };
  return ProtoMessage()
      .number(1, 1)
      .number(1, 4)
      .number(2, 1)
      .bytes(8, name)
      .message(13, entry("location", location))
      .message(13, entry("offset", std::to_string(offset)))
      .message(13, entry("length", "16"))
      .number(14, 1);
}

/// A ModelProto around a GraphProto.
inline ProtoMessage onnx_model(const ProtoMessage& graph) {
  return ProtoMessage().number(1, 8).message(7, graph).message(8, ProtoMessage().bytes(1, "").number(2, 17));
}

/// x[1,4] times three weights kept in `location`: tensors h0, h1 and logits, named like the operators that make them.
inline std::string tiny_onnx(const std::string& location) {
  ProtoMessage graph;
  std::string x = "x";
  std::size_t offset = 0;
  for (const std::string y : {"h0", "h1", "logits"}) {
    graph.message(1, ProtoMessage().bytes(1, x).bytes(1, y + "_w").bytes(2, y).bytes(3, y).bytes(4, "Mul"));
    graph.message(5, external_tensor(y + "_w", location, offset));
    x = y;
    offset += 16;
  }
  const auto value = [](const std::string& name) {
    const auto extent = [](std::uint64_t n) { return ProtoMessage().number(1, n); };
    const ProtoMessage shape = ProtoMessage().message(1, extent(1)).message(1, extent(4));
    return ProtoMessage().bytes(1, name).message(
        2, ProtoMessage().message(1, ProtoMessage().number(1, 1).message(2, shape)));
  };
  graph.bytes(2, "tiny").message(11, value("x")).message(12, value("logits"));
  return onnx_model(graph).text();
}

/// Builds a model operator by operator; every tensor is f32.
class TinyOnnx {
 public:
  /// An extent of -1 is dynamic.
  TinyOnnx& input(const std::string& name, const std::vector<std::int64_t>& dims) {
    graph_.message(11, value(name, dims));
    return *this;
  }
  TinyOnnx& output(const std::string& name, const std::vector<std::int64_t>& dims) {
    graph_.message(12, value(name, dims));
    return *this;
  }
  /// Made-up numbers in -0.5..0.5.
  TinyOnnx& weights(const std::string& name, const std::vector<std::int64_t>& dims) {
    ProtoMessage tensor;
    std::int64_t count = 1;
    for (const std::int64_t d : dims) {
      tensor.number(1, static_cast<std::uint64_t>(d));
      count *= d;
    }
    std::string data;
    for (std::int64_t i = 0; i < count; ++i) {
      const float x = static_cast<float>((i * 37 + 11) % 64) / 64.0F - 0.5F;
      data.append(reinterpret_cast<const char*>(&x), sizeof x);
    }
    graph_.message(5, tensor.number(2, 1).bytes(8, name).bytes(9, data));
    return *this;
  }
  /// `node` is the operator's name, `output` that of the tensor that it makes.
  TinyOnnx& op(const std::string& type, const std::string& node, const std::vector<std::string>& inputs,
               const std::string& output, const std::string& domain = "") {
    ProtoMessage message;
    for (const std::string& input : inputs) message.bytes(1, input);
    graph_.message(1, message.bytes(2, output).bytes(3, node).bytes(4, type).bytes(7, domain));
    return *this;
  }
  /// An operator with whole numbers, or lists of them, as attributes.
  using Attributes = std::vector<std::pair<std::string, std::vector<std::int64_t>>>;
  TinyOnnx& op(const std::string& type, const std::vector<std::string>& inputs, const std::string& output,
               const Attributes& attributes) {
    ProtoMessage message;
    for (const std::string& input : inputs) message.bytes(1, input);
    message.bytes(2, output).bytes(3, output).bytes(4, type);
    for (const auto& [name, numbers] : attributes) {
      ProtoMessage attribute = ProtoMessage().bytes(1, name);
      const bool list = name != "group" && name != "axis" && !name.starts_with("trans");
      for (const std::int64_t n : numbers) attribute.number(list ? 8 : 3, static_cast<std::uint64_t>(n));
      message.message(5, attribute.number(20, list ? 7 : 2));
    }
    graph_.message(1, message);
    return *this;
  }
  /// A scalar i64.
  TinyOnnx& integer(const std::string& name, std::int64_t n) {
    const std::string data(reinterpret_cast<const char*>(&n), sizeof n);
    graph_.message(5, ProtoMessage().number(2, 7).bytes(8, name).bytes(9, data));
    return *this;
  }
  /// To another element type, by ONNX's number for it (1: f32, 10: f16).
  TinyOnnx& cast(const std::string& input, const std::string& output, std::uint64_t to) {
    const ProtoMessage attribute = ProtoMessage().bytes(1, "to").number(3, to).number(20, 2);
    graph_.message(
        1, ProtoMessage().bytes(1, input).bytes(2, output).bytes(3, output).bytes(4, "Cast").message(5, attribute));
    return *this;
  }
  /// y = relu(x) where `condition` holds, else tanh(x).
  TinyOnnx& relu_if(const std::string& condition, const std::string& x, const std::string& y,
                    const std::vector<std::int64_t>& dims) {
    const auto branch = [&](const std::string& name, const std::string& type) {
      const std::string result = y + "_" + type;
      const ProtoMessage node = ProtoMessage().bytes(1, x).bytes(2, result).bytes(3, result).bytes(4, type);
      const ProtoMessage graph = ProtoMessage().message(1, node).bytes(2, name).message(12, value(result, dims));
      return ProtoMessage().bytes(1, name).message(6, graph).number(20, 5);
    };
    graph_.message(1, ProtoMessage()
                          .bytes(1, condition)
                          .bytes(2, y)
                          .bytes(3, y)
                          .bytes(4, "If")
                          .message(5, branch("then_branch", "Relu"))
                          .message(5, branch("else_branch", "Tanh")));
    return *this;
  }
  std::string text() const {
    ProtoMessage graph = graph_;
    return onnx_model(graph.bytes(2, "tiny")).message(8, ProtoMessage().bytes(1, "com.acme").number(2, 1)).text();
  }

 private:
  static ProtoMessage value(const std::string& name, const std::vector<std::int64_t>& dims) {
    ProtoMessage shape;
    for (const std::int64_t d : dims) {
      shape.message(1, d < 0 ? ProtoMessage().bytes(2, "N") : ProtoMessage().number(1, static_cast<std::uint64_t>(d)));
    }
    return ProtoMessage().bytes(1, name).message(
        2, ProtoMessage().message(1, ProtoMessage().number(1, 1).message(2, shape)));
  }

  ProtoMessage graph_;
};

/// x[batch,8] times 8x8 weights, tanh, `layers` times: tensors m0, t0, m1, t1, ..., made by operators whose names begin
/// with `prefix`: mul0, tanh0, mul1, ...; the last tensor is y.
inline TinyOnnx tiny_layers(std::size_t layers, const std::string& prefix = "", std::int64_t batch = 1) {
  TinyOnnx model;
  model.input("x", {batch, 8});
  std::string x = "x";
  for (std::size_t k = 0; k < layers; ++k) {
    const std::string n = std::to_string(k), y = k + 1 == layers ? "y" : "t" + n;
    model.weights("w" + n, {8, 8});
    model.op("MatMul", prefix + "mul" + n, {x, "w" + n}, "m" + n).op("Tanh", prefix + "tanh" + n, {"m" + n}, y);
    x = y;
  }
  model.output("y", {batch, 8});
  return model;
}

/// y[batch] = det(x), x[batch,4,4]: ONNX Runtime has that operator, OpenVINO (2026.4) has not.
inline TinyOnnx tiny_determinant(std::int64_t batch = 1) {
  TinyOnnx model;
  model.input("x", {batch, 4, 4}).output("y", {batch});
  return model.op("Det", "determinant", {"x"}, "y");
}

/// What the weight file of tiny_onnx() holds: ones.
inline std::string tiny_onnx_weights() {
  const std::vector<float> ones(12, 1.0F);
  return {reinterpret_cast<const char*>(ones.data()), ones.size() * sizeof(float)};
}

}  // namespace sparseloom::testing
