#include "sparseloom/zoo/zoo.h"

#include <gmock/gmock.h>

#include <array>

#include "tests/support/made_up_zoo.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::zoo {
namespace {

using sparseloom::testing::MadeUpZoo;
using sparseloom::testing::TemporaryFolder;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

// Fails with `code` in one line that holds every one of `words`.
void expect_refused(const Status& status, Code code, const std::vector<std::string>& words) {
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_THAT(status.message(), Not(HasSubstr("\n")));
  for (const std::string& word : words) EXPECT_THAT(status.message(), HasSubstr(word));
}

TEST(Zoo, Loads) {
  const MadeUpZoo made;
  const Zoo zoo = made.load();
  ASSERT_EQ(zoo.tasks.size(), 1U);
  const Task& task = zoo.task(TaskId(0));
  EXPECT_EQ(task.stages(), 3U);
  EXPECT_EQ(task.variants.size(), 3U);
  EXPECT_EQ(task.inputs[0].describe(), "x f32[1,4]");
  EXPECT_EQ(describe(task, {VariantId(0), VariantId(1), VariantId(1)}), "dense|int8|int8");
  EXPECT_TRUE(check_files(zoo).ok());
  expect_refused(zoo.find_task("tyo").status(), Code::kInvalidArgument, {"tyo", "toy"});
  expect_refused(task.variant("int4").status(), Code::kInvalidArgument, {"int4", "dense, int8, structured-50"});
}

// A zoo of version 2 with one task, which `change` makes another.
template <typename Change>
Status status_of_described(Change change) {
  const TemporaryFolder folder;
  const std::string model =
      sparseloom::testing::TinyOnnx().input("x", {1, 8}).op("Relu", "r", {"x"}, "y").output("y", {1, 8}).text();
  EXPECT_TRUE(std::filesystem::create_directories(folder.path() / "net/dense"));
  EXPECT_TRUE(write_file(folder.path() / "net/dense/model.onnx", model).ok());
  const auto tensor = [](const char* name) {
    return Json::array({{{"name", name}, {"type", "f32"}, {"shape", {1, 8}}}});
  };
  Json variant{{"name", "dense"},
               {"model", "model.onnx"},
               {"compression", {{"kind", "dense"}, {"level", 0}}},
               {"weight_sparsity", 0.0},
               {"parameters", 10}};
  Json task{
      {"name", "net"},          {"metric", "none"},      {"accuracy_kind", "unknown"},        {"inputs", tensor("x")},
      {"outputs", tensor("y")}, {"cuts", Json::array()}, {"variants", Json::array({variant})}};
  Json zoo{
      {"format_version", 2},
      {"name", "mine"},
      {"tasks", Json::array({task})},
      {"files", Json::array({{{"path", "net/dense/model.onnx"}, {"bytes", model.size()}, {"sha256", sha256(model)}}})}};
  change(zoo);
  EXPECT_TRUE(write_file(folder.path() / "zoo.json", zoo.dump()).ok());
  return load_zoo(folder.path()).status();
}

TEST(Zoo, OfVersionTwoDescribesItsTasks) {
  EXPECT_TRUE(status_of_described([](Json&) {}).ok());
  EXPECT_TRUE(status_of_described([](Json& zoo) { zoo["tasks"] = Json::array(); }).ok()) << "an empty one";
}

// Another variant of the only task: the dense one as a provider runs it.
void derive(Json& zoo, const char* name, const char* from, const char* provider) {
  zoo["tasks"][0]["variants"].push_back({{"name", name}, {"derived_from", from}, {"provider", provider}});
}

TEST(Zoo, DerivedVariantsHaveTheModelOfAnother) {
  EXPECT_TRUE(status_of_described([](Json& zoo) { derive(zoo, "dense@bf16", "dense", "openvino-bf16"); }).ok());
  EXPECT_TRUE(status_of_described([](Json& zoo) { derive(zoo, "dense@onnxruntime", "dense", "onnxruntime"); }).ok());
}

TEST(BadZoo, DerivedVariantsSayWhatTheyAre) {
  const auto refused = [](const char* name, const char* from, const char* provider, const std::string& message) {
    expect_refused(status_of_described([&](Json& zoo) { derive(zoo, name, from, provider); }), Code::kMalformed,
                   {"tasks[0]: variants[1]", message});
  };
  refused("int8@bf16", "int8", "openvino-bf16", "derived_from: 'int8': not known; allowed: dense");
  refused("half", "dense", "openvino-bf16", "name: 'half'; expected 'dense@bf16'");
  refused("dense@int4", "dense", "int4", "provider: provider 'int4': not known");
  expect_refused(status_of_described([](Json& zoo) {
                   zoo["tasks"][0]["variants"][0].erase("model");
                   zoo["tasks"][0]["variants"][0]["onnx"] = "model.onnx";
                   derive(zoo, "dense@bf16", "dense", "openvino-bf16");
                 }),
                 Code::kMalformed, {"'dense@bf16'", "'dense' is not there in a form that openvino-bf16 runs"});
}

TEST(Zoo, DerivedVariantsAreRunByTheirProviderAlone) {
  using backend::Provider;
  Variant dense{.name = "dense", .model = "model.xml", .compression = {}};
  EXPECT_TRUE(is_there_for(dense, Provider::kOpenVino));
  EXPECT_FALSE(is_there_for(dense, Provider::kOpenVinoBf16)) << "that answers otherwise";
  dense.provider = Provider::kOpenVinoBf16;
  EXPECT_FALSE(is_there_for(dense, Provider::kOpenVino));
  EXPECT_TRUE(is_there_for(dense, Provider::kOpenVinoBf16));
}

TEST(Zoo, WhatNothingRunsIsTakenOut) {
  using backend::Provider;
  Zoo zoo;
  Task& task = zoo.tasks.emplace_back();
  task.variants = {{.name = "dense", .model = "model.xml", .compression = {}},
                   {.name = "dense@bf16",
                    .model = "model.xml",
                    .derived_from = "dense",
                    .provider = Provider::kOpenVinoBf16,
                    .compression = {}},
                   {.name = "int8", .model = "model.xml", .compression = {}}};
  Zoo elsewhere = zoo;
  take_out_what_nothing_runs(zoo, std::array{Provider::kOpenVino, Provider::kOpenVinoBf16});
  EXPECT_EQ(zoo.tasks[0].variants.size(), 3U);
  take_out_what_nothing_runs(elsewhere, std::array{Provider::kOpenVino, Provider::kSparse});
  ASSERT_EQ(elsewhere.tasks[0].variants.size(), 2U);
  EXPECT_EQ(elsewhere.tasks[0].variants[1].name, "int8");
  ASSERT_EQ(elsewhere.tasks[0].not_here.size(), 1U);
  EXPECT_EQ(elsewhere.tasks[0].variant("dense@bf16").status().message(),
            "task '': variant 'dense@bf16': nothing here runs it (provider openvino-bf16)");
  take_out_what_nothing_runs(elsewhere, std::array{Provider::kOnnxRuntime});
  EXPECT_EQ(elsewhere.tasks[0].variants.size(), 1U) << "the first stays: planners say that nothing runs it";
}

TEST(BadZoo, DescriptionsOfVersionTwoSayWhatIsWrongAndWhere) {
  const auto refused = [](auto change, const std::string& word) {
    expect_refused(status_of_described(change), Code::kMalformed, {"zoo.json", word});
  };
  refused([](Json& zoo) { zoo["tasks"][0]["metric"] = "f1"; }, "tasks[0]: metric: 'f1': not known");
  refused([](Json& zoo) { zoo["tasks"][0]["metric"] = "top1"; }, "go together");
  refused([](Json& zoo) { zoo["tasks"][0]["variants"] = Json::array(); }, "variants: expected at least one");
  refused([](Json& zoo) { zoo["tasks"][0]["variants"][0]["model"] = "../m.onnx"; }, "variants[0]: model: '../m.onnx'");
  refused([](Json& zoo) { zoo["tasks"][0]["variants"].push_back(zoo["tasks"][0]["variants"][0]); }, "listed twice");
  refused([](Json& zoo) { zoo["tasks"].push_back(zoo["tasks"][0]); }, "tasks: 'net' is listed twice");
  refused([](Json& zoo) { zoo["tasks"][0]["outputs"] = Json::array(); }, "outputs: expected at least one tensor");
  refused([](Json& zoo) { zoo["tasks"][0]["parts"] = 1; }, "parts");
  refused([](Json& zoo) { zoo["files"] = Json::array(); }, "does not list");
  expect_refused(status_of_described([](Json& zoo) { zoo["format_version"] = 3; }), Code::kFailedPrecondition,
                 {"format_version 3 is of another release; this one reads 1 to 2"});
}

TEST(BadZoo, MoreStitchedVariantsThanATableHolds) {
  const MadeUpZoo made;
  made.edit("toy/task.json", [](Json& json) {
    json["parts"] = 16;
    json["cuts"] = Json::array();
    for (int i = 0; i < 15; ++i) json["cuts"].push_back({fmt::format("h{}", i)});
  });
  expect_refused(made.status(), Code::kMalformed, {"task.json", "3 variants in 16 parts", "4.3e+07"});
}

TEST(Zoo, FolderWithoutAZoo) {
  expect_refused(load_zoo("/nonexistent/zoo").status(), Code::kNotFound, {"/nonexistent/zoo", "zoo.json"});
}

TEST(Zoo, AnotherReleasesFormatIsRefusedByName) {
  for (const char* file : {"zoo.json", "toy/task.json", "toy/int8/variant.json"}) {
    for (const int version : {0, 3}) {
      const MadeUpZoo made;
      made.edit(file, [&](Json& json) {
        json["format_version"] = version;
        json["key_of_the_future"] = 1;
      });
      expect_refused(made.status(), Code::kFailedPrecondition,
                     {file, fmt::format("format_version {}", version), "reads 1"});
    }
  }
}

TEST(BadZoo, NoFormatVersionOrNoneThatIsAnInteger) {
  const MadeUpZoo missing;
  missing.edit("toy/task.json", [](Json& json) { json.erase("format_version"); });
  expect_refused(missing.status(), Code::kMalformed, {"toy/task.json", "format_version: missing"});

  const MadeUpZoo text;
  text.edit("toy/task.json", [](Json& json) { json["format_version"] = "1"; });
  expect_refused(text.status(), Code::kMalformed, {"toy/task.json", "format_version: expected an integer"});
}

TEST(Zoo, MissingTruncatedAndAlteredFiles) {
  const MadeUpZoo missing;
  std::filesystem::remove(missing.root() / "toy/int8/model.json");
  expect_refused(missing.status(), Code::kNotFound, {"toy/int8/model.json", "zoo.json lists it"});

  const MadeUpZoo truncated;
  truncated.write("toy/int8/model.json", "{");
  expect_refused(truncated.status(), Code::kDataLoss, {"toy/int8/model.json", "1 bytes"});

  const MadeUpZoo altered;
  std::string text = read_file(altered.root() / "toy/int8/model.json").value();
  text[text.find("h0")] = 'g';
  altered.write("toy/int8/model.json", text);
  const Zoo zoo = altered.load();  // sizes agree
  expect_refused(check_files(zoo), Code::kDataLoss, {"toy/int8/model.json", "SHA-256"});
  EXPECT_TRUE(check_file(zoo, zoo.root / "toy/dense/model.json").ok());
  EXPECT_TRUE(check_file(zoo, "toy/dense/model.json").ok());
  expect_refused(check_file(zoo, "toy/other"), Code::kNotFound, {"toy/other", "does not list"});
}

void give_onnx_model(const MadeUpZoo& made, const std::string& weights) {
  made.write("toy/int8/model.onnx", sparseloom::testing::tiny_onnx("weights.bin"));
  made.write("toy/int8/weights.bin", weights);
  made.edit("toy/int8/variant.json", [](Json& json) { json["model"] = "model.onnx"; });
}

TEST(Zoo, EveryFileAModelReadsMustBeListed) {
  const MadeUpZoo made;
  give_onnx_model(made, sparseloom::testing::tiny_onnx_weights());
  EXPECT_TRUE(made.status().ok()) << made.status().message();
  made.edit("zoo.json", [](Json& json) {
    Json listed = Json::array();
    for (const Json& file : json["files"]) {
      if (file["path"] != "toy/int8/weights.bin") listed.push_back(file);
    }
    json["files"] = listed;
  });
  expect_refused(made.status(), Code::kMalformed,
                 {"toy/int8/model.onnx", "'toy/int8/weights.bin', which zoo.json does not list"});
}

TEST(Zoo, ExternalWeightsArePartOfWhatIdentifiesIt) {
  const MadeUpZoo made;
  give_onnx_model(made, sparseloom::testing::tiny_onnx_weights());
  const Zoo before = made.load();
  give_onnx_model(made, std::string(48, '\0'));
  const Zoo after = made.load();
  EXPECT_NE(before.fingerprint, after.fingerprint);
  EXPECT_NE(models_digest(before, before.tasks[0]), models_digest(after, after.tasks[0]));
}

TEST(Zoo, DamagedOnnxModelIsRefusedByName) {
  const MadeUpZoo made;
  give_onnx_model(made, "");
  made.write("toy/int8/model.onnx", "not a model");
  made.list_files();
  expect_refused(made.status(), Code::kMalformed, {"toy/int8/model.onnx", "not an ONNX model"});
}

TEST(Zoo, LinksThatLeaveItsFolderAreRefused) {
  const TemporaryFolder elsewhere;
  const auto moved_out = [&](const std::string& what) {
    const MadeUpZoo made;
    const auto there = elsewhere.path() / std::filesystem::path(what).filename();
    std::filesystem::copy(made.root() / what, there, std::filesystem::copy_options::recursive);
    std::filesystem::remove_all(made.root() / what);
    std::filesystem::create_symlink(there, made.root() / what);
    return made.status();
  };
  for (const char* what : {"toy/int8/model.json", "toy/data/test_x.npy", "toy/task.json", "zoo.json"}) {
    expect_refused(moved_out(what), Code::kFailedPrecondition, {what, elsewhere.path(), "nothing outside"});
  }
  expect_refused(moved_out("toy"), Code::kFailedPrecondition, {"toy/", elsewhere.path(), "nothing outside"});
}

TEST(Zoo, LinksInsideItAndALinkToItAreFollowed) {
  const MadeUpZoo made;
  const auto model = made.root() / "toy/int8/model.json";
  std::filesystem::remove(model);
  std::filesystem::create_symlink(made.root() / "toy/dense/model.json", model);
  const TemporaryFolder elsewhere;
  std::filesystem::create_directory_symlink(made.root(), elsewhere.path() / "zoo");
  EXPECT_TRUE(made.status().ok()) << made.status().message();
  EXPECT_TRUE(load_zoo(elsewhere.path() / "zoo").ok());
}

TEST(Zoo, NotJsonGivesLineAndColumn) {
  const MadeUpZoo made;
  made.write("zoo.json", "{\n  \"name\": oops }");
  expect_refused(made.status(), Code::kMalformed, {"zoo.json:2:"});
}

struct BadEdit {
  const char* name;
  const char* file;
  void (*change)(Json&);
  std::vector<std::string> words;
};

class BadZoo : public ::testing::TestWithParam<BadEdit> {};

TEST_P(BadZoo, IsRefusedWhereItIsWrong) {
  const MadeUpZoo made;
  made.edit(GetParam().file, GetParam().change);
  std::vector<std::string> words = GetParam().words;
  words.emplace_back(GetParam().file);
  expect_refused(made.status(), Code::kMalformed, words);
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, BadZoo,
    ::testing::Values(
        BadEdit{
            "UnknownKey", "toy/task.json", [](Json& j) { j["colour"] = 1; }, {"key 'colour': not known", "classes"}},
        BadEdit{"MissingKey", "toy/task.json", [](Json& j) { j.erase("metric"); }, {"metric", "missing"}},
        BadEdit{"AbsolutePath",
                "toy/dense/variant.json",
                [](Json& j) { j["model"] = "/etc/passwd"; },
                {"model", "/etc/passwd", "absolute"}},
        BadEdit{"PathThatLeaves",
                "toy/task.json",
                [](Json& j) { j["data"]["test"]["labels"] = "../../labels.npy"; },
                {"data: test: labels", "'..'"}},
        BadEdit{"ListedPathThatLeaves",
                "zoo.json",
                [](Json& j) { j["files"][0]["path"] = "a/../../b"; },
                {"files[0]: path", "'..'"}},
        BadEdit{"ListedTwice", "zoo.json", [](Json& j) { j["files"].push_back(j["files"][0]); }, {"listed twice"}},
        BadEdit{"BadHash", "zoo.json", [](Json& j) { j["files"][0]["sha256"] = "12"; }, {"files[0]: sha256", "64"}},
        BadEdit{"NegativeSize", "zoo.json", [](Json& j) { j["files"][0]["bytes"] = -1; }, {"files[0]: bytes", "-1"}},
        BadEdit{"Unlisted",
                "toy/task.json",
                [](Json& j) { j["data"]["test"]["labels"] = "data/other.npy"; },
                {"toy/data/other.npy", "does not list"}},
        BadEdit{"DenseNotFirst",
                "toy/task.json",
                [](Json& j) {
                  j["variants"] = {"int8", "dense"};
                },
                {"variants", "'dense'", "'int8'"}},
        BadEdit{"VariantTwice",
                "toy/task.json",
                [](Json& j) {
                  j["variants"] = {"dense", "dense"};
                },
                {"variants", "listed twice"}},
        BadEdit{"PartsAndCuts", "toy/task.json", [](Json& j) { j["parts"] = 2; }, {"parts", "2 cuts make 3"}},
        BadEdit{"HugeParts",
                "toy/task.json",
                [](Json& j) { j["parts"] = std::numeric_limits<std::int64_t>::min(); },
                {"parts", "2 cuts make 3"}},
        BadEdit{"NegativeShape",
                "toy/task.json",
                [](Json& j) {
                  j["inputs"][0]["shape"] = {1, -4};
                },
                {"inputs[0]: shape", "-4"}},
        BadEdit{"UnknownType",
                "toy/task.json",
                [](Json& j) { j["inputs"][0]["type"] = "f31"; },
                {"inputs[0]: type", "f31"}},
        BadEdit{"ClassesAndLogits", "toy/task.json", [](Json& j) { j["classes"] = {"a"}; }, {"output", "1 classes"}},
        BadEdit{"UnknownMetric", "toy/task.json", [](Json& j) { j["metric"] = "bleu"; }, {"metric", "bleu", "top1"}},
        BadEdit{"TwoFilesForOneInput",
                "toy/task.json",
                [](Json& j) {
                  j["data"]["test"]["inputs"] = {"data/test_x.npy", "data/profile_x.npy"};
                },
                {"inputs", "2 files for 1"}},
        BadEdit{"Accuracy",
                "toy/int8/variant.json",
                [](Json& j) { j["accuracy"]["test"] = 71.5; },
                {"accuracy: test", "71.5", "0..1"}},
        BadEdit{"Kind",
                "toy/int8/variant.json",
                [](Json& j) { j["compression"]["kind"] = "int3"; },
                {"kind", "int3", "structured+int8"}},
        BadEdit{"OtherName", "toy/int8/variant.json", [](Json& j) { j["name"] = "int7"; }, {"int7", "'int8'"}}),
    [](const auto& test) { return test.param.name; });

TEST(Zoo, AccuracyTablesDoNotChangeTheFingerprint) {
  const MadeUpZoo made;
  const Zoo before = made.load();
  made.write("toy/accuracy.csv", "anything");
  made.list_files();
  const Zoo with_table = made.load();
  EXPECT_EQ(before.fingerprint, with_table.fingerprint);
  EXPECT_EQ(models_digest(before, before.tasks[0]), models_digest(with_table, with_table.tasks[0]));
  EXPECT_NE(find_file(with_table, "toy/accuracy.csv"), nullptr);

  made.write("toy/int8/model.json", read_file(made.root() / "toy/int8/model.json").value() + "\n");
  made.list_files();
  const Zoo other = made.load();
  EXPECT_NE(before.fingerprint, other.fingerprint);
  EXPECT_NE(models_digest(before, before.tasks[0]), models_digest(other, other.tasks[0]));
}

}  // namespace
}  // namespace sparseloom::zoo
