// The OpenVINO runtime through the provider interface.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "sparseloom/backend/openvino/openvino_runtime.h"
#include "sparseloom/profile/measure/memory.h"
#include "tests/support/made_up_zoo.h"
#include "tests/support/tiny_ir.h"

namespace sparseloom::backend {
namespace {

using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::tiny_resnet;
using sparseloom::testing::tiny_stateful;
using sparseloom::testing::TinyIr;
using ::testing::HasSubstr;
using ::testing::Not;

class OpenVino : public ::testing::Test {
 protected:
  std::unique_ptr<Model> read(const TinyIr& ir) {
    auto model = runtime_->read(ir.write(folder_.path() / "m.xml"));
    EXPECT_TRUE(model.ok()) << model.status().message();
    return std::move(model).value();
  }

  TemporaryFolder folder_;
  std::unique_ptr<Runtime> runtime_ = make_openvino_runtime();
};

// Binds fresh memory, runs once on x = 1, 2, ..., and returns the first output.
std::vector<float> run(Executable& executable, float scale = 1) {
  auto session = executable.new_session();
  EXPECT_TRUE(session.ok());
  HostBuffer in(executable.inputs()[0].bytes()), out(executable.outputs()[0].bytes());
  std::vector<float> x(in.size() / sizeof(float)), y(out.size() / sizeof(float));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = scale * static_cast<float>(i + 1);
  std::memcpy(in.data(), x.data(), in.size());
  EXPECT_TRUE((*session)->bind_input(0, in.span()).ok());
  EXPECT_TRUE((*session)->bind_output(0, out.span()).ok());
  EXPECT_TRUE((*session)->run().ok());
  std::memcpy(y.data(), out.data(), out.size());
  return y;
}

TEST_F(OpenVino, ComputesWhatTheModelSays) {
  TinyIr ir;
  const float two = 2;
  const int x = ir.parameter("x", {1, 4});
  ir.result(ir.add("y", "Multiply", "opset1", R"(<data auto_broadcast="numpy"/>)",
                   {x, ir.constant("two", {1, 1}, &two)}, {1, 4}));
  auto executable = runtime_->compile(*read(ir), {});
  ASSERT_TRUE(executable.ok()) << executable.status().message();
  EXPECT_EQ(run(**executable), (std::vector<float>{2, 4, 6, 8}));
  EXPECT_EQ((*executable)->inputs()[0].describe(), "x f32[1,4]");
}

TEST_F(OpenVino, GraphHasOperatorsTensorsAndMacs) {
  const auto model = read(tiny_resnet(2));
  const Graph& graph = model->graph();
  double macs = 0;
  std::size_t constants = 0;
  for (const Node& node : graph.nodes) {
    macs += node.macs;
    constants += node.constant ? 1 : 0;
  }
  EXPECT_EQ(macs, 4 * 16 * 16);
  EXPECT_EQ(constants, 4U);
  ASSERT_EQ(graph.inputs.size(), 1U);
  EXPECT_EQ(graph.edge(graph.outputs[0]).spec.describe(), "block1 f32[1,16]");
  EXPECT_EQ(graph.edge(graph.inputs[0]).consumers.size(), 2U);
}

TEST_F(OpenVino, APieceSurvivesBeingSavedAndLoaded) {
  const auto model = read(tiny_resnet(2));
  const Graph& graph = model->graph();
  std::optional<EdgeId> middle;
  for (std::size_t e = 0; e < graph.edges.size(); ++e)
    if (graph.edges[e].spec.name == "block0") middle = EdgeId(e);
  ASSERT_TRUE(middle.has_value());
  auto piece = model->extract({*middle}, graph.outputs);
  ASSERT_TRUE(piece.ok()) << piece.status().message();
  ASSERT_TRUE((*piece)->save(folder_.path() / "piece.xml").ok());
  auto direct = runtime_->compile(**piece, {});
  auto loaded = runtime_->load(folder_.path() / "piece.xml", {});
  ASSERT_TRUE(direct.ok() && loaded.ok()) << loaded.status().message();
  EXPECT_EQ((*loaded)->inputs()[0].name, "block0");
  EXPECT_EQ((*loaded)->outputs()[0].name, "block1");
  EXPECT_EQ(run(**direct), run(**loaded));
}

TEST_F(OpenVino, ACachedModelGivesTheSame) {
  const auto path = tiny_resnet(2).write(folder_.path() / "m.xml");
  CompileOptions cached;
  cached.cache_dir = folder_.path() / "cache";
  auto first = runtime_->load(path, cached);
  auto second = runtime_->load(path, cached);
  auto plain = runtime_->load(path, {});
  ASSERT_TRUE(first.ok() && second.ok() && plain.ok()) << second.status().message();
  EXPECT_EQ(run(**first), run(**plain));
  EXPECT_EQ(run(**second), run(**plain));
  (*second)->trim();
  EXPECT_EQ(run(**second), run(**plain)) << "what it still needs of the file comes back";
  EXPECT_FALSE(std::filesystem::is_empty(cached.cache_dir));
}

TEST_F(OpenVino, AModelFromTheCacheIsNotResidentTwice) {
  constexpr std::int64_t kWidth = 2048;
  TinyIr ir;
  ir.result(ir.dense_block("block", ir.parameter("x", {1, kWidth}), kWidth));
  CompileOptions cached;
  cached.cache_dir = folder_.path() / "cache";
  const auto path = ir.write(folder_.path() / "m.xml");
  ASSERT_TRUE(runtime_->load(path, cached).ok());  // compiles it, and starts the plugin
  const Bytes before = profile::memory_in_use({folder_.path()});
  auto loaded = runtime_->load(path, cached);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  run(**loaded);
  (*loaded)->trim();
  const Bytes taken = profile::growth(before, profile::memory_in_use({folder_.path()}));
  EXPECT_LE(static_cast<double>(taken.count), 1.3 * static_cast<double>(ir.weights().size()));
}

TEST_F(OpenVino, ExtractNamesWhatIsMissing) {
  const auto model = read(tiny_resnet(1));
  const Status status = model->extract({}, model->graph().outputs).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("'block0' needs 'x'"));
}

TEST_F(OpenVino, ATensorMayTravelThroughAPiece) {
  const auto model = read(tiny_resnet(1));
  const Graph& graph = model->graph();
  auto piece = model->extract(graph.inputs, {graph.inputs[0], graph.outputs[0]});
  ASSERT_TRUE(piece.ok()) << piece.status().message();
  auto executable = runtime_->compile(**piece, {});
  ASSERT_TRUE(executable.ok()) << executable.status().message();
  ASSERT_EQ((*executable)->outputs().size(), 2U);
  auto session = (*executable)->new_session();
  HostBuffer in(64), same(64), out(64);
  std::memset(in.data(), 0x3f, in.size());
  ASSERT_TRUE((*session)->bind_input(0, in.span()).ok());
  ASSERT_TRUE((*session)->bind_output(0, same.span()).ok());
  ASSERT_TRUE((*session)->bind_output(1, out.span()).ok());
  ASSERT_TRUE((*session)->run().ok());
  EXPECT_EQ(std::memcmp(in.data(), same.data(), in.size()), 0);
  EXPECT_EQ(in.data()[0], std::byte{0x3f}) << "the input was overwritten";
  EXPECT_NE(std::memcmp(in.data(), out.data(), in.size()), 0);
}

TEST_F(OpenVino, RebindingMovesInputAndOutput) {
  auto executable = runtime_->compile(*read(tiny_resnet(1)), {});
  auto session = (*executable)->new_session();
  HostBuffer in[2] = {HostBuffer(64), HostBuffer(64)}, out[2] = {HostBuffer(64), HostBuffer(64)};
  std::memset(in[1].data(), 0x3f, 64);
  for (const int k : {0, 1, 0}) {
    ASSERT_TRUE((*session)->bind_input(0, in[k].span()).ok());
    ASSERT_TRUE((*session)->bind_output(0, out[k].span()).ok());
    std::memset(out[k].data(), 0xff, 64);
    ASSERT_TRUE((*session)->run().ok());
  }
  EXPECT_EQ(std::memcmp(out[0].data(), in[0].data(), 64), 0);  // zeros in, zeros out
  EXPECT_NE(std::memcmp(out[1].data(), out[0].data(), 64), 0);
}

TEST_F(OpenVino, SessionsOfOneExecutableRunAtTheSameTime) {
  auto executable = runtime_->compile(*read(tiny_resnet(4)), {});
  ASSERT_TRUE(executable.ok());
  const auto expected = run(**executable), scaled = run(**executable, 0.5F);
  std::vector<float> a, b;
  std::thread one([&] {
    for (int i = 0; i < 50; ++i) a = run(**executable);
  });
  std::thread two([&] {
    for (int i = 0; i < 50; ++i) b = run(**executable, 0.5F);
  });
  one.join();
  two.join();
  EXPECT_EQ(a, expected);
  EXPECT_EQ(b, scaled);
}

TEST_F(OpenVino, RefusesWrongSizesUnalignedMemoryAndUnboundTensors) {
  auto executable = runtime_->compile(*read(tiny_resnet(1)), {});
  auto session = (*executable)->new_session();
  HostBuffer memory(128);
  EXPECT_THAT((*session)->run().message(), HasSubstr("'x' was never bound"));
  EXPECT_THAT((*session)->bind_input(0, memory.span()).message(), HasSubstr("got 128 bytes; it has 64"));
  EXPECT_THAT((*session)->bind_input(0, memory.span().subspan(4, 64)).message(), HasSubstr("aligned to 64"));
  EXPECT_THAT((*session)->bind_input(1, memory.span()).message(), HasSubstr("the model has 1"));
}

TEST_F(OpenVino, AnUnknownDeviceIsAOneLineError) {
  CompileOptions options;
  options.device = "TPU";
  const Status status = runtime_->compile(*read(tiny_resnet(1)), options).status();
  EXPECT_THAT(status.message(), HasSubstr("TPU"));
  EXPECT_THAT(status.message(), Not(HasSubstr("\n")));
}

TEST_F(OpenVino, DamagedFilesAreDataLoss) {
  const auto xml = tiny_resnet(2).write(folder_.path() / "m.xml");
  const std::string text = read_file(xml).value();
  for (const std::size_t keep : {std::size_t{1}, text.size() / 3, text.size() * 2 / 3}) {
    ASSERT_TRUE(write_file(xml, text.substr(0, keep)).ok());
    const Status status = runtime_->read(xml).status();
    EXPECT_EQ(status.code(), Code::kDataLoss) << keep;
    EXPECT_THAT(status.message(), Not(HasSubstr("\n")));
  }
  ASSERT_TRUE(write_file(xml, text).ok());
  std::filesystem::resize_file(folder_.path() / "m.bin", 1000);
  EXPECT_EQ(runtime_->read(xml).status().code(), Code::kDataLoss);
  EXPECT_EQ(runtime_->load(xml, {}).status().code(), Code::kDataLoss);
}

TEST_F(OpenVino, DynamicShapesNeedAnEntry) {
  TinyIr ir;
  const int x = ir.parameter("x", {3, -1});
  ir.result(ir.add("y", "ReLU", "opset1", "", {x}, {3, -1}));
  const auto path = ir.write(folder_.path() / "m.xml");
  EXPECT_EQ(runtime_->read(path).status().code(), Code::kFailedPrecondition);
  auto named = runtime_->read(path, {{"x", {3, 4}}});
  ASSERT_TRUE(named.ok()) << named.status().message();
  EXPECT_EQ((*named)->graph().edge((*named)->graph().outputs[0]).spec.shape, (Shape{3, 4}));
  EXPECT_TRUE(runtime_->read(path, {{"", {3, 4}}}).ok());
}

TEST_F(OpenVino, ADynamicBatchIsOneUnlessAskedFor) {
  TinyIr ir;
  const int x = ir.parameter("x", {-1, 4});
  ir.result(ir.add("y", "ReLU", "opset1", "", {x}, {-1, 4}));
  const auto path = ir.write(folder_.path() / "m.xml");
  const auto shape = [&](const std::map<std::string, Shape>& shapes) {
    const auto model = runtime_->read(path, shapes).value();
    return model->graph().edge(model->graph().outputs[0]).spec.shape;
  };
  EXPECT_EQ(shape({}), (Shape{1, 4}));
  EXPECT_EQ(shape({{"x", {8, 4}}}), (Shape{8, 4}));
}

TEST_F(OpenVino, AStatefulModelIsRefusedByTheNameOfItsState) {
  const Status status = runtime_->read(tiny_stateful().write(folder_.path() / "m.xml")).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("memory"));
}

TEST_F(OpenVino, ListsItsDevices) {
  const auto devices = runtime_->devices();
  ASSERT_FALSE(devices.empty());
  EXPECT_EQ(devices[0].name, "CPU");
}

}  // namespace
}  // namespace sparseloom::backend
