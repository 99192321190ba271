#include "sparseloom/zoo/model_files.h"

#include <gmock/gmock.h>

#include "sparseloom/zoo/onnx_external.h"
#include "tests/support/made_up_zoo.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::zoo {
namespace {

using sparseloom::testing::external_tensor;
using sparseloom::testing::onnx_model;
using sparseloom::testing::ProtoMessage;
using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::tiny_onnx;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<std::set<std::string>> external(const std::string& model) {
  return onnx_external_files(std::as_bytes(std::span(model)), "m.onnx");
}

TEST(OnnxExternalFiles, AreThoseThatTensorsLieIn) {
  EXPECT_THAT(external(tiny_onnx("w.bin")).value(), ElementsAre("w.bin"));
}

TEST(OnnxExternalFiles, AreFoundWhereverATensorMayStand) {
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

TEST(OnnxExternalFiles, ATensorInTheModelItselfHasNone) {
  const ProtoMessage inside = ProtoMessage().number(1, 4).number(2, 1).bytes(8, "w").bytes(9, std::string(16, '\0'));
  EXPECT_THAT(external(onnx_model(ProtoMessage().message(5, inside)).text()).value(), IsEmpty());
}

TEST(OnnxExternalFiles, EveryTruncationIsRefusedOrRead) {
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

TEST(OnnxExternalFiles, GarbageIsRefused) {
  EXPECT_THAT(external("these are not the bytes of a model").status().message(),
              HasSubstr("m.onnx: not an ONNX model"));
  EXPECT_FALSE(external(std::string(100, '\xff')).ok()) << "a number without an end";
  const std::string longer_than_the_file{'\x3a', '\x7f', 'x'};
  EXPECT_FALSE(external(longer_than_the_file).ok());
}

TEST(OnnxExternalFiles, HostileNestingIsRefused) {
  ProtoMessage graph;
  for (int depth = 0; depth < 1000; ++depth) {
    const ProtoMessage attribute = ProtoMessage().message(6, graph);
    graph = ProtoMessage().message(1, ProtoMessage().message(5, attribute));
  }
  EXPECT_FALSE(external(onnx_model(graph).text()).ok());
}

TEST(ModelFiles, OfAnIrAreItsWeightsToo) {
  EXPECT_THAT(model_files("a/m.xml").value(), ElementsAre("a/m.xml", "a/m.bin"));
}

TEST(ModelFiles, OfAnOnnxModelLieBelowItsFolder) {
  const TemporaryFolder folder;
  const std::filesystem::path model = folder.path() / "m.onnx";
  const auto files = [&](const std::string& location) {
    EXPECT_TRUE(write_file(model, tiny_onnx(location)).ok());
    return model_files(model);
  };
  EXPECT_THAT(files("./data/w.bin").value(), ElementsAre(model, folder.path() / "data/w.bin"));
  for (const char* outside : {"../w.bin", "/etc/passwd", "data/../../w.bin", ""}) {
    const Status status = files(outside).status();
    EXPECT_EQ(status.code(), Code::kMalformed) << outside;
    EXPECT_THAT(status.message(), HasSubstr("m.onnx: external data: ")) << outside;
  }
}

}  // namespace
}  // namespace sparseloom::zoo
