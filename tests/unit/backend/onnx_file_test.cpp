#include "sparseloom/backend/onnx/onnx_file.h"

#include <gmock/gmock.h>

#include "tests/support/tiny_onnx.h"

namespace sparseloom::backend {
namespace {

using sparseloom::testing::external_tensor;
using sparseloom::testing::onnx_model;
using sparseloom::testing::ProtoMessage;
using sparseloom::testing::tiny_onnx;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<std::set<std::string>> external(const std::string& model) {
  SL_ASSIGN_OR_RETURN(const OnnxFile file, OnnxFile::parse(std::as_bytes(std::span(model)), "m.onnx"));
  return file.external_files();
}

TEST(OnnxFiles, ExternalOnesAreThoseThatTensorsLieIn) {
  EXPECT_THAT(external(tiny_onnx("w.bin")).value(), ElementsAre("w.bin"));
}

TEST(OnnxFiles, ExternalOnesAreFoundWhereverATensorMayStand) {
  const ProtoMessage tensor = external_tensor("w", "w.bin");
  const auto in_node = [](std::uint64_t field, const ProtoMessage& value) {
    return onnx_model(ProtoMessage().message(1, ProtoMessage().message(5, ProtoMessage().message(field, value))));
  };
  EXPECT_THAT(external(in_node(5, tensor).text()).value(), ElementsAre("w.bin")) << "a Constant's value";
  const ProtoMessage branch = ProtoMessage().message(5, tensor);
  EXPECT_THAT(external(in_node(6, branch).text()).value(), ElementsAre("w.bin")) << "a branch of an If";
  EXPECT_THAT(external(onnx_model(ProtoMessage().message(15, ProtoMessage().message(1, tensor))).text()).value(),
              ElementsAre("w.bin"))
      << "a sparse initializer";
  const ProtoMessage attribute = ProtoMessage().message(5, tensor);
  const ProtoMessage function = ProtoMessage().message(7, ProtoMessage().message(5, attribute));
  EXPECT_THAT(external(ProtoMessage().message(25, function).text()).value(), ElementsAre("w.bin")) << "a function";
}

TEST(OnnxFiles, ATensorInTheModelItselfHasNone) {
  const ProtoMessage inside = ProtoMessage().number(1, 4).number(2, 1).bytes(8, "w").bytes(9, std::string(16, '\0'));
  EXPECT_THAT(external(onnx_model(ProtoMessage().message(5, inside)).text()).value(), IsEmpty());
}

TEST(OnnxFiles, EveryTruncationIsRefusedOrRead) {
  const std::string model = tiny_onnx("w.bin");
  std::size_t refused = 0;
  for (std::size_t length = 0; length < model.size(); ++length) {
    const auto found = external(model.substr(0, length));
    if (found.ok()) continue;
    ++refused;
    EXPECT_EQ(found.status().code(), Code::kMalformed);
  }
  EXPECT_GT(refused, model.size() / 2);
}

TEST(OnnxFiles, GarbageIsRefused) {
  EXPECT_THAT(external("these are not the bytes of a model").status().message(),
              HasSubstr("m.onnx: not an ONNX model"));
  EXPECT_FALSE(external(std::string(100, '\xff')).ok()) << "a number without an end";
  const std::string longer_than_the_file{'\x3a', '\x7f', 'x'};
  EXPECT_FALSE(external(longer_than_the_file).ok());
}

TEST(OnnxFiles, HostileNestingIsRefused) {
  ProtoMessage graph;
  for (int depth = 0; depth < 1000; ++depth) {
    const ProtoMessage attribute = ProtoMessage().message(6, graph);
    graph = ProtoMessage().message(1, ProtoMessage().message(5, attribute));
  }
  EXPECT_FALSE(external(onnx_model(graph).text()).ok());
}

}  // namespace
}  // namespace sparseloom::backend
