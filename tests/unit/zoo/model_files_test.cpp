#include "sparseloom/zoo/model_files.h"

#include <gmock/gmock.h>

#include "tests/support/made_up_zoo.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::zoo {
namespace {

using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::tiny_onnx;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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
