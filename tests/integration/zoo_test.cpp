// The demo zoo as it ships: every check but the spread's line by line, and the command.
#include <gmock/gmock.h>

#include <sstream>

#include "sparseloom/zoo/verify.h"
#include "tests/errors/cli.h"

namespace sparseloom::zoo {
namespace {

using sparseloom::testing::demo_zoo;
using sparseloom::testing::MadeUpZoo;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(DemoZoo, Verifies) {
  const auto runtime = backend::make_runtime("openvino").value();
  const Zoo zoo = load_zoo(demo_zoo()).value();
  std::set<std::string> groups;
  VerifyOptions options;
  options.on_check = [&](const Check& check) {
    groups.insert(check.group);
    EXPECT_TRUE(check.passed) << check.subject << ": " << check.detail;
  };
  EXPECT_TRUE(verify(zoo, *runtime, options).ok());
  EXPECT_EQ(groups.size(), 5U);
}

TEST(DemoZoo, ListNamesEveryVariant) {
  const auto result = testing::run_cli({"zoo", "list", "--zoo", demo_zoo()});
  EXPECT_EQ(result.status, 0) << result.err;
  std::vector<std::pair<std::string, std::string>> listed, expected;  // task and variant, line by line
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    std::pair<std::string, std::string> row;
    std::istringstream(line) >> row.first >> row.second;
    listed.push_back(row);
  }
  const Zoo zoo = load_zoo(demo_zoo()).value();
  for (const Task& task : zoo.tasks) {
    for (const Variant& variant : task.variants) expected.emplace_back(task.name, variant.name);
  }
  ASSERT_GT(listed.size(), expected.size());
  listed.erase(listed.begin(), listed.end() - static_cast<std::ptrdiff_t>(expected.size()));  // what stands above them
  EXPECT_EQ(listed, expected);
}

TEST(ZooList, SaysWhereAccuracyIsFidelity) {
  const MadeUpZoo made;
  EXPECT_THAT(testing::run_cli({"zoo", "list", "--zoo", made.root()}).out, Not(HasSubstr("fidelity")));
  made.edit("toy/task.json", [](Json& json) { json["accuracy_kind"] = "fidelity"; });
  EXPECT_THAT(testing::run_cli({"zoo", "list", "--zoo", made.root()}).out, HasSubstr("accuracy is fidelity"));
}

// Each change makes exactly one group fail. Scripted models: no runtime is needed for what is tested here.
Status verify_changed(const std::function<void(const MadeUpZoo&)>& change, std::string& failed_group) {
  const MadeUpZoo made;
  change(made);
  const auto runtime = backend::make_runtime("scripted").value();
  VerifyOptions options;
  options.bound_spread = true;
  options.on_check = [&](const Check& check) {
    if (!check.passed) failed_group = check.group;
  };
  return verify(made.load(), *runtime, options);
}

TEST(Verify, MadeUpZooPasses) {
  std::string group;
  const Status status = verify_changed([](const MadeUpZoo&) {}, group);
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(Verify, ModelWithOtherInput) {
  std::string group;
  const Status status = verify_changed(
      [](const MadeUpZoo& made) {
        made.edit("toy/int8/model.json", [](Json& json) { json["inputs"][0]["shape"] = {1, 8}; });
      },
      group);
  EXPECT_EQ(group, "models");
  EXPECT_THAT(status.message(), HasSubstr("toy/int8/model.json"));
  EXPECT_THAT(status.message(), HasSubstr("[1,8]"));
}

TEST(Verify, CutTensorOfAnotherShape) {
  std::string group;
  const Status status = verify_changed(
      [](const MadeUpZoo& made) {
        made.edit("toy/int8/model.json", [](Json& json) { json["between"][1][0]["shape"] = {1, 2}; });
      },
      group);
  EXPECT_EQ(group, "cuts");
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status.message(), HasSubstr("h1"));
}

TEST(Verify, SampleInBothSplits) {
  std::string group;
  const Status status = verify_changed(
      [](const MadeUpZoo& made) {
        std::string test = read_file(made.root() / "toy/data/test_x.npy").value();
        const std::string profile = read_file(made.root() / "toy/data/profile_x.npy").value();
        test.replace(test.size() - 16, 16, profile, profile.size() - 32, 16);
        made.write("toy/data/test_x.npy", test);
        made.list_files();
      },
      group);
  EXPECT_EQ(group, "data");
  EXPECT_THAT(status.message(), HasSubstr("sample 7 also stands in the profile split"));
}

TEST(Verify, VariantFarBelowDense) {
  std::string group;
  const Status status = verify_changed(
      [](const MadeUpZoo& made) {
        made.edit("toy/int8/variant.json", [](Json& json) { json["accuracy"]["test"] = 0.60; });
      },
      group);
  EXPECT_EQ(group, "spread");
  EXPECT_THAT(status.message(), HasSubstr("'int8' is 15.0 points below dense on test"));
}

TEST(Verify, FastestAsGoodAsDense) {
  std::string group;
  const Status status = verify_changed(
      [](const MadeUpZoo& made) {
        made.edit("toy/int8/variant.json", [](Json& json) { json["parameters"] = 2001; });  // INT8: a quarter of it
        made.edit("toy/structured-50/variant.json", [](Json& json) { json["accuracy"]["profile"] = 0.74; });
      },
      group);
  EXPECT_EQ(group, "spread");
  EXPECT_THAT(status.message(), HasSubstr("'structured-50'"));
  EXPECT_THAT(status.message(), HasSubstr("at least 3"));
}

TEST(Verify, FidelityHasNoBoundOnItsSpread) {
  std::string group;
  const Status status = verify_changed(
      [](const MadeUpZoo& made) {
        made.edit("toy/task.json", [](Json& json) { json["accuracy_kind"] = "fidelity"; });
        made.edit("toy/int8/variant.json", [](Json& json) { json["accuracy"]["test"] = 0.10; });
      },
      group);
  EXPECT_TRUE(status.ok()) << status.message();
}

}  // namespace
}  // namespace sparseloom::zoo
