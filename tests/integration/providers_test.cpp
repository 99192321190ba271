// Every execution provider against the first one, on the demo zoo: whole variants in their pieces, the same samples.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/backend/runtime.h"
#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/cut_check.h"
#include "sparseloom/zoo/dataset.h"
#include "sparseloom/zoo/pieces.h"
#include "tests/support/temporary_folder.h"

namespace sparseloom::zoo {
namespace {

using backend::Provider;
using sparseloom::testing::TemporaryFolder;

struct Case {
  const char* variant;
  Provider provider;
};

class Agreement : public ::testing::TestWithParam<Case> {};

// FP32 answers agree but for sums in another order. INT8 ones may differ wherever a value lies on the edge between two
// levels, and more after each layer: there the decisions are compared, which a few samples may flip.
TEST_P(Agreement, WithTheFirstProvider) {
  const Zoo zoo = load_zoo(std::filesystem::path(SPARSELOOM_SOURCE_DIR) / "zoos/demo").value();
  const auto runtime = backend::make_runtime("auto").value();
  const TemporaryFolder folder;
  PieceStore store(zoo, *runtime, folder.path());
  const auto chain_by = [&](TaskId task, VariantId variant, Provider provider) {
    std::vector<std::shared_ptr<backend::Executable>> stages;
    for (std::size_t s = 0; s < zoo.task(task).stages(); ++s) {
      const auto piece = store.piece(task, variant, StageId(s), provider);
      EXPECT_TRUE(piece.ok()) << piece.status().message();
      backend::CompileOptions options;
      options.provider = provider;
      options.sparse_layers = backend::info(provider).sparse_layers;
      stages.push_back(runtime->load(*piece, options).value());
    }
    return Chain::bind(std::move(stages)).value();
  };
  constexpr std::size_t kSamples = 12;
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const Task& task = zoo.tasks[t];
    const VariantId variant = task.variant(GetParam().variant).value();
    const bool quantized = task.variants[variant.index()].compression.kind.find("int8") != std::string::npos;
    Chain first = chain_by(TaskId(t), variant, Provider::kOpenVino),
          other = chain_by(TaskId(t), variant, GetParam().provider);
    const Dataset data = Dataset::load(zoo, task, task.profile).value();
    std::size_t alike = 0;
    for (std::size_t n = 0; n < kSamples; ++n) {
      for (Chain* chain : {&first, &other}) {
        chain->load(data, n);
        ASSERT_TRUE(chain->run().ok());
      }
      if (!quantized) {
        EXPECT_LE(compare(task.outputs[0], first.output(0), other.output(0)).max_rel, 1e-4)
            << task.name << " sample " << n;
      }
      alike += top1(first.output(0)) == top1(other.output(0)) ? 1 : 0;
    }
    EXPECT_GE(alike, quantized ? kSamples - 2 : kSamples) << task.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Demo, Agreement,
                         ::testing::Values(Case{"dense", Provider::kOnnxRuntime}, Case{"int8", Provider::kOnnxRuntime},
                                           Case{"dense", Provider::kSparse}, Case{"int8", Provider::kSparse}),
                         [](const auto& test) {
                           return std::string(test.param.variant) + "_" +
                                  std::string(backend::provider_name(test.param.provider));
                         });

}  // namespace
}  // namespace sparseloom::zoo
