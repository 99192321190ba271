// A device with memory of its own, that works on its own: here WebGPU in software, which tools/software_gpu.sh
// installs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "sparseloom/backend/onnxruntime/onnxruntime.h"
#include "sparseloom/backend/runtime.h"
#include "tests/support/made_up_zoo.h"
#include "tests/support/software_gpu.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::backend {
namespace {

using sparseloom::testing::ScopedEnv;
using sparseloom::testing::SoftwareGpu;
using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::TinyOnnx;
using ::testing::HasSubstr;

constexpr std::int64_t kWidth = 64;

// y = relu(x w), twice.
std::string two_layers(const std::string& in, const std::string& out) {
  TinyOnnx onnx;
  onnx.input(in, {1, kWidth}).weights("w", {kWidth, kWidth}).output(out, {1, kWidth});
  return onnx.op("MatMul", "a", {in, "w"}, "h")
      .op("Relu", "b", {"h"}, "g")
      .op("MatMul", "c", {"g", "w"}, "k")
      .op("Relu", "d", {"k"}, out)
      .text();
}

class Device : public ::testing::Test {
 protected:
  std::unique_ptr<Executable> load(const std::string& in, const std::string& out, const std::string& device) {
    const auto path = folder_.path() / (in + out + ".onnx");
    EXPECT_TRUE(write_file(path, two_layers(in, out)).ok());
    CompileOptions options;
    options.provider = device == "CPU" ? Provider::kOnnxRuntime : Provider::kWebGpu;
    options.device = device;
    auto executable = executor_->load(path, options);
    EXPECT_TRUE(executable.ok()) << executable.status().message();
    return std::move(executable).value();
  }

  static HostBuffer ramp() {
    HostBuffer buffer(kWidth * sizeof(float));
    auto* values = reinterpret_cast<float*>(buffer.data());
    for (std::int64_t i = 0; i < kWidth; ++i) values[i] = static_cast<float>(i % 7) / 8;
    return buffer;
  }

  static void expect_equal(const HostBuffer& a, const HostBuffer& b) {
    const auto* x = reinterpret_cast<const float*>(a.data());
    const auto* y = reinterpret_cast<const float*>(b.data());
    bool any = false;
    for (std::int64_t i = 0; i < kWidth; ++i) {
      EXPECT_NEAR(x[i], y[i], 1e-4 * std::max(1.0F, std::abs(y[i])));
      any = any || y[i] != 0;
    }
    EXPECT_TRUE(any) << "an answer of zeros would show nothing";
  }

  SoftwareGpu gpu_;
  TemporaryFolder folder_;
  std::unique_ptr<Executor> executor_ = open_onnxruntime().value();
};

TEST_F(Device, ComputesWhatTheCpuDoesFromHostMemoryAndBack) {
  const HostBuffer x = ramp();
  std::vector<HostBuffer> answers;
  for (const char* device : {"CPU", "WEBGPU"}) {
    const auto executable = load("x", "y", device);
    EXPECT_EQ(executable->device_memory(), std::string(device) == "CPU" ? "" : "WEBGPU");
    const auto session = executable->new_session().value();
    HostBuffer& y = answers.emplace_back(x.size());
    ASSERT_TRUE(session->bind_input(0, x.span()).ok());
    ASSERT_TRUE(session->bind_output(0, y.span()).ok());
    const Status ran = session->run();
    ASSERT_TRUE(ran.ok()) << ran.message();
  }
  expect_equal(answers[1], answers[0]);
}

// What the first session leaves on the device the second one takes from there.
TEST_F(Device, TensorsStayOnItBetweenTwoSessions) {
  const auto first = load("x", "y", "WEBGPU"), second = load("y", "z", "WEBGPU");
  const auto a = first->new_session().value(), b = second->new_session().value();
  const HostBuffer x = ramp();
  HostBuffer z(x.size()), z_by_cpu(x.size()), y_by_cpu(x.size());
  auto between = first->new_tensor(first->outputs()[0]);
  ASSERT_TRUE(between.ok()) << between.status().message();
  ASSERT_TRUE(a->bind_input(0, x.span()).ok());
  ASSERT_TRUE(a->bind_output(0, *between).ok());
  ASSERT_TRUE(b->bind_input(0, *between).ok());
  ASSERT_TRUE(b->bind_output(0, z.span()).ok());
  ASSERT_TRUE(a->start().ok());
  ASSERT_TRUE(a->wait().ok());
  ASSERT_TRUE(b->start().ok());
  ASSERT_TRUE(b->wait().ok());

  const auto cpu_first = load("x", "y", "CPU")->new_session().value();
  const auto cpu_second = load("y", "z", "CPU")->new_session().value();
  ASSERT_TRUE(cpu_first->bind_input(0, x.span()).ok());
  ASSERT_TRUE(cpu_first->bind_output(0, y_by_cpu.span()).ok());
  ASSERT_TRUE(cpu_second->bind_input(0, y_by_cpu.span()).ok());
  ASSERT_TRUE(cpu_second->bind_output(0, z_by_cpu.span()).ok());
  ASSERT_TRUE(cpu_first->run().ok());
  ASSERT_TRUE(cpu_second->run().ok());
  expect_equal(z, z_by_cpu);

  HostBuffer y(x.size());
  ASSERT_TRUE((*between)->download(y.span()).ok());
  expect_equal(y, y_by_cpu);
}

TEST_F(Device, BindsHostMemoryAgainAfterItsOwn) {
  const auto executable = load("x", "y", "WEBGPU");
  const auto session = executable->new_session().value();
  const HostBuffer x = ramp();
  HostBuffer y(x.size()), again(x.size());
  const auto tensor = executable->new_tensor(executable->outputs()[0]).value();
  ASSERT_TRUE(session->bind_input(0, x.span()).ok());
  ASSERT_TRUE(session->bind_output(0, tensor).ok());
  ASSERT_TRUE(session->run().ok());
  ASSERT_TRUE(tensor->download(y.span()).ok());
  ASSERT_TRUE(session->bind_output(0, again.span()).ok());
  ASSERT_TRUE(session->run().ok());
  EXPECT_EQ(std::memcmp(y.data(), again.data(), y.size()), 0);
}

TEST_F(Device, RefusesWhatDoesNotFit) {
  const auto gpu = load("x", "y", "WEBGPU"), cpu = load("x", "y", "CPU");
  const auto on_gpu = gpu->new_session().value(), on_cpu = cpu->new_session().value();
  const auto tensor = gpu->new_tensor({"t", ElementType::kF32, {1, 2}}).value();
  EXPECT_EQ(on_gpu->bind_input(0, tensor).message(), "bind input 'x': got t f32[1,2]; it is x f32[1,64]");
  EXPECT_THAT(on_cpu->bind_input(0, tensor).message(), HasSubstr("where the device uses the host's"));
  EXPECT_EQ(cpu->new_tensor(cpu->inputs()[0]).status().code(), Code::kFailedPrecondition);
  HostBuffer two(std::size_t{16});
  EXPECT_THAT(tensor->upload(two.span()).message(), HasSubstr("copy 16 bytes; t f32[1,2] has 8"));
  EXPECT_EQ(on_gpu->run().message(), "run: input 'x' was never bound");
}

TEST_F(Device, IsListedWithItsProvider) {
  const auto runtime = make_runtime("auto").value();
  const std::vector<backend::Device> devices = runtime->devices();
  ASSERT_EQ(devices.back().name, "WEBGPU");
  EXPECT_THAT(devices.back().providers, ::testing::ElementsAre(Provider::kWebGpu));
}

TEST_F(Device, PluginsThatCannotBeOpenedAreNamed) {
  const ScopedEnv missing("SPARSELOOM_ONNXRUNTIME_CUDA", "/nowhere/libonnxruntime_providers_cuda.so");
  const Status status = open_onnxruntime().status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition) << "asked for: not merely absent";
  EXPECT_THAT(status.message(), HasSubstr("SPARSELOOM_ONNXRUNTIME_CUDA: /nowhere/libonnxruntime_providers_cuda.so"));
}

}  // namespace
}  // namespace sparseloom::backend
