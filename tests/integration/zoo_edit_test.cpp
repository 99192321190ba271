// Zoos that grow and shrink: models as users have them become variants, and whatever goes wrong, the zoo loads.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "sparseloom/backend/openvino/openvino_runtime.h"
#include "sparseloom/profile/profile.h"
#include "sparseloom/soc/discover.h"
#include "sparseloom/zoo/chain.h"
#include "sparseloom/zoo/editing.h"
#include "sparseloom/zoo/pieces.h"
#include "sparseloom/zoo/verify.h"
#include "tests/support/made_up_zoo.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::zoo {
namespace {

namespace fs = std::filesystem;
using sparseloom::testing::bytes_of;
using sparseloom::testing::MadeUpZoo;
using sparseloom::testing::npy;
using sparseloom::testing::TemporaryFolder;
using sparseloom::testing::tiny_determinant;
using sparseloom::testing::TinyOnnx;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Three layers on x[batch,8], five classes. `width` is that of the layers between.
TinyOnnx network(std::int64_t batch, std::int64_t width) {
  TinyOnnx onnx;
  onnx.input("x", {batch, 8}).weights("w0", {8, width}).weights("w1", {width, width}).weights("w2", {width, 5});
  onnx.op("MatMul", "layer0", {"x", "w0"}, "h0").op("Relu", "relu0", {"h0"}, "r0");
  onnx.op("MatMul", "layer1", {"r0", "w1"}, "h1").op("Relu", "relu1", {"h1"}, "r1");
  return onnx.op("MatMul", "layer2", {"r1", "w2"}, "logits").output("logits", {batch, 5});
}

class ZooEditing : public ::testing::Test {
 protected:
  ZooEditing() {
    EXPECT_TRUE(init_zoo(root(), "mine").ok());
    write("net.onnx", network(1, 16).text());
    std::vector<float> x(20 * 8);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i * i * 7 % 101) - 50;
    write("x.npy", npy("<f4", "(20, 8)", bytes_of(x)));
    std::vector<std::int64_t> labels(20);
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i % 5);
    write("labels.npy", npy("<i8", "(20,)", bytes_of(labels)));
  }

  fs::path root() const { return folder_.path() / "zoo"; }
  fs::path file(const std::string& name) const { return folder_.path() / name; }
  void write(const std::string& name, const std::string& text) const { EXPECT_TRUE(write_file(file(name), text).ok()); }
  std::string zoo_file() const { return read_file(root() / "zoo.json").value(); }
  Result<AddedVariant> add(NewVariant variant, const OnWait& on_wait = {}) const {
    return add_variant(root(), variant, *runtime_, on_wait);
  }
  AddedVariant must_add(NewVariant variant) const {
    auto added = add(std::move(variant));
    EXPECT_TRUE(added.ok()) << added.status().message();
    return added.ok() ? *added : AddedVariant{};
  }
  // Refused with all of this in the message, and nothing changed.
  void expect_refused(NewVariant variant, const std::string& message) const {
    const std::string before = zoo_file();
    const Status status = add(std::move(variant)).status();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(status.message(), HasSubstr(message));
    EXPECT_EQ(zoo_file(), before);
    EXPECT_TRUE(load_zoo(root()).ok());
  }

  TemporaryFolder folder_;
  std::unique_ptr<backend::Runtime> runtime_ = backend::make_openvino_runtime();
};

TEST_F(ZooEditing, AModelBecomesATaskWithCutsDataAndAccuracy) {
  const AddedVariant added =
      must_add({.task = "net", .model = file("net.onnx"), .samples = file("x.npy"), .labels = file("labels.npy")});
  EXPECT_EQ(added.variant, "dense");
  EXPECT_EQ(added.parts, 3U);
  const Zoo zoo = load_zoo(root()).value();
  ASSERT_THAT(zoo.tasks, SizeIs(1));
  const Task& task = zoo.tasks[0];
  EXPECT_EQ(task.metric, "top1");
  EXPECT_EQ(task.accuracy_kind, "labels");
  EXPECT_EQ(task.inputs[0].describe(), "x f32[1,8]");
  EXPECT_EQ(task.outputs[0].describe(), "logits f32[1,5]");
  EXPECT_EQ(task.profile.samples, 10);
  EXPECT_EQ(task.test.samples, 10);
  EXPECT_EQ(task.variants[0].onnx, task.variants[0].model) << "it is ONNX, and stays so";
  EXPECT_TRUE(verify(zoo, *runtime_, {}).ok());
}

TEST_F(ZooEditing, WithoutLabelsTheFirstVariantIsRight) {
  const AddedVariant added = must_add({.task = "net", .model = file("net.onnx"), .samples = file("x.npy")});
  EXPECT_EQ(added.accuracy_kind, "fidelity");
  EXPECT_DOUBLE_EQ(added.accuracy_profile, 1);
  EXPECT_DOUBLE_EQ(added.accuracy_test, 1);
}

TEST_F(ZooEditing, AnyOutputCanBeComparedByFidelity) {
  must_add({.task = "net", .model = file("net.onnx"), .samples = file("x.npy"), .metric = "fidelity"});
  const Task task = load_zoo(root())->tasks[0];
  EXPECT_EQ(task.metric, "fidelity");
  EXPECT_DOUBLE_EQ(task.variants[0].accuracy_profile, 1);
  EXPECT_EQ(task.parts_of_a_sample(), 1000);
}

TEST_F(ZooEditing, WithoutSamplesAccuracyIsUnknown) {
  const AddedVariant added = must_add({.task = "net", .model = file("net.onnx")});
  EXPECT_EQ(added.accuracy_kind, "unknown");
  EXPECT_FALSE(load_zoo(root())->tasks[0].accuracy_known());
}

TEST_F(ZooEditing, ATaskOfUnknownAccuracyHasNothingLeftToMeasureOfIt) {
  must_add({.task = "net", .model = file("net.onnx")});
  const Zoo zoo = load_zoo(root()).value();
  const profile::Profile profile = profile::empty_profile(zoo, soc::discover(*runtime_).value());
  const auto estimate = profile.tasks[0].accuracy_estimate(Sigma(zoo.tasks[0].stages(), VariantId(0)));
  ASSERT_TRUE(estimate.has_value());
  EXPECT_EQ(estimate->lower, 0) << "nothing is promised";
}

TEST_F(ZooEditing, ADynamicBatchIsOne) {
  write("batch.onnx", network(-1, 16).text());
  must_add({.task = "net", .model = file("batch.onnx"), .samples = file("x.npy")});
  EXPECT_EQ(load_zoo(root())->tasks[0].inputs[0].describe(), "x f32[1,8]");
}

TEST_F(ZooEditing, WhatOnlyOnnxRuntimeReadsJoinsWhole) {
  runtime_ = backend::make_runtime("auto").value();
  write("det.onnx", tiny_determinant(-1).text());
  std::vector<float> squares(4 * 16);
  for (std::size_t i = 0; i < squares.size(); ++i) squares[i] = static_cast<float>(i * i % 13);
  write("squares.npy", npy("<f4", "(4, 4, 4)", bytes_of(squares)));
  const AddedVariant added = must_add({.task = "net", .model = file("det.onnx"), .samples = file("squares.npy")});
  EXPECT_EQ(added.parts, 1U);
  EXPECT_THAT(added.notes, ::testing::Contains(HasSubstr("ONNX Runtime runs it, whole")));
  const Zoo zoo = load_zoo(root()).value();
  const Variant& variant = zoo.tasks[0].variants[0];
  EXPECT_TRUE(variant.onnx_only);
  EXPECT_FALSE(is_there_for(variant, backend::Provider::kOpenVino));
  const Status verified = verify(zoo, *runtime_, {});
  EXPECT_TRUE(verified.ok()) << verified.message();
  PieceStore pieces(zoo, *runtime_, folder_.path() / "pieces");
  const auto piece = pieces.piece(TaskId(0), VariantId(0), StageId(0));
  ASSERT_TRUE(piece.ok()) << piece.status().message();
  EXPECT_EQ(piece->extension(), ".onnx");
  EXPECT_THAT(pieces.piece(TaskId(0), VariantId(0), StageId(0), backend::Provider::kOpenVino).status().message(),
              HasSubstr("openvino cannot read it, only ONNX Runtime can"));
}

TEST_F(ZooEditing, DerivedVariantsAreMeasuredAndCopyNothing) {
  runtime_ = backend::make_runtime("auto").value();
  must_add({.task = "net", .model = file("net.onnx"), .samples = file("x.npy"), .metric = "fidelity"});
  const auto files_before = load_zoo(root())->files.size();
  const auto added = derive_variant(root(), "net", "dense", backend::Provider::kOnnxRuntime, *runtime_);
  ASSERT_TRUE(added.ok()) << added.status().message();
  EXPECT_EQ(added->variant, "dense@onnxruntime");
  EXPECT_NEAR(added->accuracy_profile, 1, 1e-3) << "in single precision both answer the same";
  const Zoo zoo = load_zoo(root()).value();
  EXPECT_EQ(zoo.files.size(), files_before);
  const Variant& derived = zoo.tasks[0].variants[1];
  EXPECT_EQ(derived.model, zoo.tasks[0].variants[0].model);
  EXPECT_EQ(derived.provider, backend::Provider::kOnnxRuntime);
  EXPECT_EQ(model_bytes(zoo, zoo.tasks[0], VariantId(1)), model_bytes(zoo, zoo.tasks[0], VariantId(0)));
  EXPECT_TRUE(verify(zoo, *runtime_, {}).ok());
}

TEST_F(ZooEditing, HalfPrecisionIsAVariantWhereTheMachineComputesInIt) {
  must_add({.task = "net", .model = file("net.onnx"), .samples = file("x.npy"), .metric = "fidelity"});
  const auto added = derive_variant(root(), "net", "dense", backend::Provider::kOpenVinoBf16, *runtime_);
  if (device_for(*runtime_, backend::Provider::kOpenVinoBf16).ok()) {
    ASSERT_TRUE(added.ok()) << added.status().message();
    EXPECT_GT(added->difference, 1e-4) << "more than rounding";
    EXPECT_LT(added->difference, 0.05);
    EXPECT_LT(added->accuracy_profile, 1);
    EXPECT_GT(added->accuracy_profile, 0.95);
  } else {
    EXPECT_EQ(added.status().code(), Code::kUnavailable);
    EXPECT_THAT(added.status().message(), HasSubstr("provider openvino-bf16: no device here offers it"));
    EXPECT_THAT(load_zoo(root())->tasks[0].variants, SizeIs(1));
  }
}

TEST_F(ZooEditing, WhatCannotBeDerivedIsRefused) {
  must_add({.task = "net", .model = file("net.onnx")});
  runtime_ = backend::make_runtime("auto").value();
  const auto refusal = [&](const std::string& variant, backend::Provider provider) {
    return derive_variant(root(), "net", variant, provider, *runtime_).status().message();
  };
  EXPECT_EQ(refusal("dense", backend::Provider::kOnnxRuntime), "");
  EXPECT_THAT(refusal("dense", backend::Provider::kOnnxRuntime),
              HasSubstr("'dense@onnxruntime': there is one already"));
  EXPECT_THAT(refusal("dense@onnxruntime", backend::Provider::kOnnxRuntime), HasSubstr("is itself derived"));
  EXPECT_THAT(refusal("int8", backend::Provider::kOnnxRuntime), HasSubstr("variant 'int8': not known"));
  EXPECT_THAT(refusal("dense", backend::Provider::kSparse),
              HasSubstr("sparse answers as 'dense' does; there is nothing to derive"));
  const Status removed = remove_variant(root(), "net", "dense@onnxruntime");
  EXPECT_TRUE(removed.ok()) << removed.message();
  must_add({.task = "net", .model = file("net.onnx"), .name = "again"});
  EXPECT_EQ(refusal("again", backend::Provider::kOnnxRuntime), "");
  EXPECT_THAT(remove_variant(root(), "net", "again").message(),
              HasSubstr("'again@onnxruntime' is derived from 'again'; remove that first"));
}

TEST_F(ZooEditing, VariantsComeAndGo) {
  must_add({.task = "net", .model = file("net.onnx"), .samples = file("x.npy")});
  const AddedVariant added = must_add({.task = "net", .model = file("net.onnx"), .name = "again"});
  EXPECT_EQ(added.difference, 0);
  EXPECT_DOUBLE_EQ(added.accuracy_profile, 1);
  EXPECT_THAT(load_zoo(root())->tasks[0].variants, SizeIs(2));
  ASSERT_TRUE(remove_variant(root(), "net", "again").ok());
  EXPECT_THAT(load_zoo(root())->tasks[0].variants, SizeIs(1));
  EXPECT_FALSE(fs::exists(root() / "net/again"));
  ASSERT_TRUE(remove_variant(root(), "net", "").ok());
  EXPECT_THAT(load_zoo(root())->tasks, SizeIs(0));
}

TEST_F(ZooEditing, ANetworkOfAnotherKindIsRefusedTensorByTensor) {
  must_add({.task = "net", .model = file("net.onnx"), .samples = file("x.npy")});
  write("wide.onnx", network(1, 24).text());
  const Status status = add({.task = "net", .model = file("wide.onnx")}).status();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), AllOf(HasSubstr("wide.onnx: is no variant of this task's model"), HasSubstr("cut 1: "),
                                      HasSubstr("cut 2: "), HasSubstr("[1,16]"), HasSubstr("[1,24]")));
  TinyOnnx other;
  other.input("y", {1, 3}).weights("w", {3, 5}).op("MatMul", "m", {"y", "w"}, "z").output("z", {1, 5});
  write("other.onnx", other.text());
  expect_refused({.task = "net", .model = file("other.onnx")}, "[1,3]; [1,8] does not fit it");
}

// The same network, computed in f16 between its first and its last tensor.
TinyOnnx half_network() {
  constexpr std::uint64_t kF32 = 1, kF16 = 10;
  TinyOnnx onnx;
  onnx.input("x", {1, 8}).weights("w0", {8, 16}).weights("w1", {16, 16}).weights("w2", {16, 5});
  onnx.cast("x", "x_half", kF16);
  for (const std::string w : {"w0", "w1", "w2"}) onnx.cast(w, w + "_half", kF16);
  onnx.op("MatMul", "layer0", {"x_half", "w0_half"}, "h0").op("Relu", "relu0", {"h0"}, "r0");
  onnx.op("MatMul", "layer1", {"r0", "w1_half"}, "h1").op("Relu", "relu1", {"h1"}, "r1");
  onnx.op("MatMul", "layer2", {"r1", "w2_half"}, "half_logits").cast("half_logits", "logits", kF32);
  return onnx.output("logits", {1, 5});
}

TEST_F(ZooEditing, VariantsOfHalfPrecisionJoinTasksOfSingle) {
  must_add({.task = "net", .model = file("net.onnx"), .samples = file("x.npy")});
  write("half.onnx", half_network().text());
  const AddedVariant added = must_add({.task = "net", .model = file("half.onnx")});
  EXPECT_LT(added.difference, 0.01);
  EXPECT_GT(added.accuracy_profile, 0.8);

  // Stitched: what one passes on is what the next takes.
  const Zoo zoo = load_zoo(root()).value();
  const TemporaryFolder cache;
  PieceStore store(zoo, *runtime_, cache.path());
  std::vector<std::shared_ptr<backend::Executable>> stages;
  for (const std::size_t v : {0, 1, 0}) {
    const auto piece = store.piece(TaskId(0), VariantId(v), StageId(stages.size()));
    ASSERT_TRUE(piece.ok()) << piece.status().message();
    stages.push_back(runtime_->load(*piece, {}).value());
  }
  const auto chain = Chain::bind(std::move(stages));
  EXPECT_TRUE(chain.ok()) << chain.status().message();
}

TEST_F(ZooEditing, NamesThatAreTakenOrNone) {
  must_add({.task = "net", .model = file("net.onnx")});
  expect_refused({.task = "net", .model = file("net.onnx"), .name = "dense"}, "there is a variant 'dense' already");
  expect_refused({.task = "a task", .model = file("net.onnx")}, "task 'a task': is no name");
  expect_refused({.task = "net", .model = file("net.onnx"), .name = "../x"}, "variant '../x': is no name");
  EXPECT_EQ(init_zoo(root(), "mine").code(), Code::kFailedPrecondition);
  EXPECT_THAT(remove_variant(root(), "net", "int8").message(), HasSubstr("allowed: dense"));
  EXPECT_THAT(remove_variant(root(), "net", "dense").message(), HasSubstr("first variant"));
}

TEST_F(ZooEditing, SamplesAndLabelsThatDoNotFit) {
  const NewVariant good{.task = "net", .model = file("net.onnx"), .samples = file("x.npy")};
  NewVariant bad = good;
  write("nan.npy", npy("<f4", "(2, 8)", bytes_of(std::vector<float>(16, std::numeric_limits<float>::quiet_NaN()))));
  bad.samples = file("nan.npy");
  expect_refused(bad, "nan.npy: element 0 is NaN or infinite");
  write("narrow.npy", npy("<f4", "(2, 7)", bytes_of(std::vector<float>(14))));
  bad.samples = file("narrow.npy");
  expect_refused(bad, "narrow.npy: holds f32[2,7]; input x f32[1,8] takes so many");
  bad = good;
  write("few.npy", npy("<i4", "(3,)", bytes_of(std::vector<std::int32_t>(3))));
  bad.labels = file("few.npy");
  expect_refused(bad, "few.npy: holds i32[3]; allowed: i32[20] or i64[20]");
  write("far.npy", npy("<i4", "(20,)", bytes_of(std::vector<std::int32_t>(20, 5))));
  bad.labels = file("far.npy");
  expect_refused(bad, "far.npy: label 5 of sample 0; allowed: 0..4");
  bad = good;
  bad.metric = "f1";
  expect_refused(bad, "metric 'f1': not known; allowed: top1, top5, fidelity");
}

TEST_F(ZooEditing, WhatAKilledProcessLeftIsInNobodysWay) {
  fs::create_directories(root() / ".unfinished-99/dense");
  fs::create_directories(root() / "net/dense");
  write("zoo/net/dense/model.onnx", "half of a mod");
  ASSERT_TRUE(load_zoo(root()).ok());
  must_add({.task = "net", .model = file("net.onnx")});
  EXPECT_FALSE(fs::exists(root() / ".unfinished-99"));
}

TEST_F(ZooEditing, TwoAtATimeTakeTurns) {
  const int fd = ::open((root() / ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0644);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  bool waited = false;
  const auto added = add({.task = "net", .model = file("net.onnx")}, [&] {
    waited = true;
    ::close(fd);  // the other one is done
  });
  EXPECT_TRUE(waited);
  EXPECT_TRUE(added.ok()) << added.status().message();
}

TEST_F(ZooEditing, AWriteThatFailsLeavesTheZooAsItWas) {
  const std::string before = zoo_file();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit small{512, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = add({.task = "net", .model = file("net.onnx")}).status();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(zoo_file(), before);
  for (const auto& entry : fs::directory_iterator(root()))
    EXPECT_FALSE(entry.path().filename().string().starts_with(".unfinished")) << entry.path();
}

TEST_F(ZooEditing, AZooOfVersionOneBecomesOneOfVersionTwo) {
  const MadeUpZoo made;
  const Zoo before = made.load();
  ASSERT_TRUE(remove_variant(made.root(), "toy", "int8").ok());
  const Zoo after = made.load();
  ASSERT_THAT(after.tasks, SizeIs(1));
  EXPECT_THAT(after.tasks[0].variants, SizeIs(2));
  EXPECT_EQ(after.tasks[0].cuts, before.tasks[0].cuts);
  EXPECT_EQ(after.tasks[0].profile.inputs, before.tasks[0].profile.inputs);
  EXPECT_NE(after.fingerprint, before.fingerprint);
}

}  // namespace
}  // namespace sparseloom::zoo
