#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/backend/provider.h"

namespace sparseloom::backend {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

TEST(Providers, AreKnownByName) {
  for (const Provider provider : kProviders) EXPECT_EQ(find_provider(provider_name(provider)).value(), provider);
  EXPECT_EQ(find_provider("dense").status().message(),
            "provider 'dense': not known; allowed: openvino, sparse, onnxruntime, cuda, webgpu, openvino-bf16, "
            "openvino-fp16, hybrid");
}

TEST(Providers, ForTestsAreNotShownToUsers) { EXPECT_THAT(user_providers(), Not(Contains(Provider::kScripted))); }

TEST(Providers, AreOfARuntimeAndItsDevices) {
  EXPECT_THAT(providers_of("openvino", "CPU"),
              ElementsAre(Provider::kOpenVino, Provider::kSparse, Provider::kOpenVinoBf16, Provider::kOpenVinoFp16));
  EXPECT_THAT(providers_of("openvino", "GPU.0"), Not(Contains(Provider::kSparse))) << "its kernels are for CPUs";
  EXPECT_THAT(providers_of("onnxruntime", "CPU"), ElementsAre(Provider::kOnnxRuntime));
  EXPECT_THAT(providers_of("onnxruntime", "CUDA"), ElementsAre(Provider::kCuda));
  EXPECT_THAT(providers_of("onnxruntime", "WEBGPU"), ElementsAre(Provider::kWebGpu));
  EXPECT_THAT(providers_of("scripted", "CPU"), ElementsAre(Provider::kScripted));
}

}  // namespace
}  // namespace sparseloom::backend
