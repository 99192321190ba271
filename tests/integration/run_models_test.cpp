// Plain model files from the command line, and the demo zoo through the library: answers are those of the same
// executables run directly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/measure/latency.h"
#include "sparseloom/server.h"
#include "sparseloom/soc/discover.h"
#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/dataset.h"
#include "sparseloom/zoo/pieces.h"
#include "tests/errors/cli.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::testing {
namespace {

constexpr std::size_t kSamples = 3;

zoo::NpyArray read_npy(const std::filesystem::path& path) {
  return zoo::parse_npy(read_file(path).value(), path.string()).value();
}

std::vector<std::byte> copy(std::span<const std::byte> bytes) { return {bytes.begin(), bytes.end()}; }

TEST(RunModels, AnswersAsTheModelRunDirectly) {
  const TemporaryFolder folder;
  const std::filesystem::path model = demo_zoo() + "/image/dense/model.xml";
  const zoo::NpyArray all = read_npy(demo_zoo() + "/image/data/test_pixels.npy");
  Shape shape = all.shape;
  const std::size_t bytes = all.data.size() / static_cast<std::size_t>(shape.front());
  shape.front() = kSamples;
  const auto few = all.data.span().first(kSamples * bytes);
  ASSERT_TRUE(write_file(folder.path() / "few.npy", zoo::format_npy(all.type, shape, few)).ok());
  const CliResult result = run_cli({"run", "--model", "digits=" + model.string(), "--latency", "digits=50", "--input",
                                    "digits=" + (folder.path() / "few.npy").string(), "--outputs",
                                    folder.path() / "out", "--json", folder.path() / "r.json"},
                                   shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, ::testing::HasSubstr("unknown"));  // the accuracy
  const Json json = read_json(folder.path() / "r.json").value()["tasks"][0];
  EXPECT_EQ(json["requests"], kSamples);
  EXPECT_EQ(json["latency_bound_ms"], 50);
  EXPECT_TRUE(json["accuracy"].is_null());

  std::vector<std::filesystem::path> written;
  for (const auto& file : std::filesystem::directory_iterator(folder.path() / "out")) written.push_back(file.path());
  ASSERT_EQ(written.size(), 1U);
  const zoo::NpyArray answers = read_npy(written[0]);
  EXPECT_EQ(answers.shape.front(), static_cast<std::int64_t>(kSamples));
  const auto runtime = backend::make_runtime("openvino").value();
  std::shared_ptr<backend::Executable> executable = runtime->load(model, {}).value();
  zoo::Chain chain = zoo::Chain::bind({executable}).value();
  std::vector<std::byte> direct;
  for (std::size_t s = 0; s < kSamples; ++s) {
    std::copy_n(few.begin() + static_cast<std::ptrdiff_t>(s * bytes), bytes, chain.input(0).begin());
    ASSERT_TRUE(chain.run().ok());
    direct.insert(direct.end(), chain.output(0).begin(), chain.output(0).end());
  }
  EXPECT_EQ(copy(answers.data.span()), direct);
}

TEST(RunModels, ServesWhatOnlyOnnxRuntimeReads) {
  const TemporaryFolder folder;
  ASSERT_TRUE(write_file(folder.path() / "det.onnx", tiny_determinant(-1).text()).ok());
  std::vector<float> x(2 * 16, 0.0F);
  for (std::size_t i = 0; i < 4; ++i) x[5 * i] = 2, x[16 + 5 * i] = 3;  // two diagonal matrices
  const auto data = std::as_bytes(std::span(x));
  ASSERT_TRUE(write_file(folder.path() / "x.npy", zoo::format_npy(ElementType::kF32, {2, 4, 4}, data)).ok());
  const CliResult result =
      run_cli({"run", "--model", "det=" + (folder.path() / "det.onnx").string(), "--latency", "det=50", "--input",
               "det=" + (folder.path() / "x.npy").string(), "--outputs", folder.path() / "out"},
              shared_cache());
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_THAT(result.out, ::testing::HasSubstr("onnxruntime"));
  const zoo::NpyArray answers = read_npy(std::filesystem::directory_iterator(folder.path() / "out")->path());
  ASSERT_EQ(answers.data.size(), 2 * sizeof(float));
  std::array<float, 2> y{};
  std::memcpy(y.data(), answers.data.data(), sizeof y);
  EXPECT_FLOAT_EQ(y[0], 16);
  EXPECT_FLOAT_EQ(y[1], 81);
}

TEST(ServerOnTheDemoZoo, AnswersAsTheVariantThatServedRunDirectly) {
  ::setenv("SPARSELOOM_CACHE_DIR", shared_cache().c_str(), 1);
  auto server = Server::open({.zoo = demo_zoo(), .check_profile = false});
  ASSERT_TRUE(server.ok()) << server.status().message();
  const zoo::Zoo zoo = zoo::load_zoo(demo_zoo()).value();
  const auto runtime = backend::make_runtime("openvino").value();
  const soc::Soc soc = soc::discover(*runtime).value();
  zoo::PieceStore pieces(zoo, *runtime, profile::default_pieces(zoo).value());
  for (std::size_t t = 0; t < zoo.tasks.size(); ++t) {
    const zoo::Task& task = zoo.tasks[t];
    const zoo::Dataset data = zoo::Dataset::load(zoo, task, task.test).value();
    std::vector<Input> inputs;
    for (std::size_t k = 0; k < task.inputs.size(); ++k) {
      inputs.push_back(Input::copy(task.inputs[k].name, data.input(0, k)));
    }
    const Reply reply = server->infer(task.name, std::move(inputs)).get();
    ASSERT_TRUE(reply.status.ok()) << reply.status.message();
    std::vector<std::shared_ptr<backend::Executable>> stages;
    for (std::size_t i = 0; i < task.stages(); ++i) {
      const zoo::VariantId variant = task.variant(reply.served_by->variant[i]).value();
      const auto piece = pieces.piece(zoo::TaskId(t), variant, zoo::StageId(i)).value();
      const backend::Provider provider = backend::find_provider(reply.served_by->provider[i]).value();
      stages.push_back(runtime
                           ->load(piece, profile::compile_options(soc, soc::ProcessorId(0), provider,
                                                                  profile::default_compile_cache().value()))
                           .value());
    }
    zoo::Chain chain = zoo::Chain::bind(std::move(stages)).value();
    chain.load(data, 0);
    ASSERT_TRUE(chain.run().ok());
    EXPECT_EQ(reply.outputs.at(0).data, copy(chain.output(0))) << task.name;
  }
}

TEST(RunModelsErrors, SayWhatIsWrong) {
  const std::string model = demo_zoo() + "/image/dense/model.xml";
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> words{"run", "--model", "digits=" + model, "--no-check"};
    words.insert(words.end(), more.begin(), more.end());
    return run_cli(words, shared_cache());
  };
  expect_one_line_error(run_cli({"run", "--model", "digits"}), 2, {"--model digits", "NAME=FILE"});
  expect_one_line_error(run({"--latency", "digit=3"}), 2, {"--latency", "'digit'", "digits"});
  expect_one_line_error(run({"--latency", "digits=soon"}), 2, {"--latency", "'soon'"});
  expect_one_line_error(run({"--shape", "words.ids=1,3"}), 2, {"--shape", "'words'", "digits"});
}

}  // namespace
}  // namespace sparseloom::testing
