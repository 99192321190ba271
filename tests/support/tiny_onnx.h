// Small ONNX models written by hand, field by field, so that tests need neither a model file nor an exporter.
#pragma once

#include <cstdint>
#include <string>
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

/// What the weight file of tiny_onnx() holds: ones.
inline std::string tiny_onnx_weights() {
  const std::vector<float> ones(12, 1.0F);
  return {reinterpret_cast<const char*>(ones.data()), ones.size() * sizeof(float)};
}

}  // namespace sparseloom::testing
