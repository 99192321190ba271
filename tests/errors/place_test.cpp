// Placing operators: options that do not fit, and machines and models that it cannot be done for.
#include "tests/errors/cli.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::testing {
namespace {

class PlaceErrors : public ::testing::Test {
 protected:
  PlaceErrors() { EXPECT_TRUE(write_file(model_, tiny_layers(2).text()).ok()); }

  TemporaryFolder folder_;
  std::string model_ = folder_.path() / "m.onnx";
};

TEST_F(PlaceErrors, UnknownMethod) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--method", "magic"}), 2,
                        {"method 'magic'", "exact", "codl"});
}

TEST_F(PlaceErrors, UnknownCostModel) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--cost-model", "guess"}), 2,
                        {"cost model 'guess'", "additive", "makespan"});
}

TEST_F(PlaceErrors, UnknownMachine) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "toaster"}), 2, {"--soc", "toaster", "jetson-agx-orin"});
}

TEST_F(PlaceErrors, AHandoverThatIsNoTime) {
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin", "--handover-us", "nan"}), 2,
                        {"--handover-us", "nan"});
}

TEST_F(PlaceErrors, AModelThatIsNotThere) {
  expect_one_line_error(run_cli({"place", (folder_.path() / "none.onnx").string(), "--soc", "jetson-agx-orin"}), 1,
                        {"none.onnx"});
}

TEST_F(PlaceErrors, AModelWhoseOperatorsAreNotKnown) {
  ASSERT_TRUE(write_file(model_, tiny_determinant().text()).ok());
  expect_one_line_error(run_cli({"place", model_, "--soc", "jetson-agx-orin"}), 1,
                        {"m.onnx", "not known", "OpenVINO does not support these operators: Det"});
}

TEST_F(PlaceErrors, AMethodWhoseProcessorIsNotThere) {
  Json json = read_json(std::string(SPARSELOOM_SOURCE_DIR) + "/socs/jetson-agx-orin.json").value();
  json["processors"].erase(1);
  const std::string soc = folder_.path() / "cpu.json";
  ASSERT_TRUE(write_file(soc, json.dump()).ok());
  expect_one_line_error(run_cli({"place", model_, "--soc", soc, "--method", "gpu"}), 1, {"no GPU of this machine"});
}

TEST(OperatorsErrors, AFileOrATask) {
  expect_one_line_error(run_cli({"operators"}), 2, {"operators", "a model file or --task"});
  expect_one_line_error(run_cli({"operators", "m.xml", "--task", "image"}), 2, {"operators", "one of them"});
}

TEST(OperatorsErrors, UnknownTask) {
  expect_one_line_error(run_cli({"operators", "--zoo", demo_zoo(), "--task", "smell"}), 2, {"smell", "speech"});
}

TEST(OperatorsErrors, NoSample) {
  expect_one_line_error(run_cli({"operators", "--zoo", demo_zoo(), "--task", "image", "--samples", "0"}), 2,
                        {"--samples", "0"});
}

}  // namespace
}  // namespace sparseloom::testing
