// sparseloom zoo: what it says about zoos that are not right.
#include "sparseloom/profile/measure/ensure.h"
#include "sparseloom/profile/store/database.h"
#include "sparseloom/soc/discover.h"
#include "tests/errors/cli.h"
#include "tests/support/tiny_ir.h"
#include "tests/support/tiny_onnx.h"

namespace sparseloom::testing {
namespace {

using Words = std::vector<std::string>;

// What the made-up zoo's models do, for the real runtime. `h0_type`: of the first cut's tensor.
TinyIr tiny_toy(const std::string& h0_type) {
  TinyIr ir;
  const TinyIr::Dims dims{1, 4};
  const auto convert = [&](const std::string& name, const std::string& type, int x) {
    return ir.add(name, "Convert", "opset1", fmt::format(R"(<data destination_type="{}"/>)", type), {x}, dims);
  };
  int x = convert("h0", h0_type, ir.parameter("x", dims));
  if (h0_type != "f32") x = convert("h0/back", "f32", x);
  x = ir.add("h1", "ReLU", "opset1", "", {x}, dims);
  ir.result(ir.add("logits", "ReLU", "opset1", "", {x}, dims));
  return ir;
}

void give_ir_models(const MadeUpZoo& made) {
  for (const std::string variant : {"dense", "int8", "structured-50"}) {
    tiny_toy("f32").write(made.root() / "toy" / variant / "model.xml");
    made.edit("toy/" + variant + "/variant.json", [](Json& json) { json["model"] = "model.xml"; });
  }
}

TEST(ZooErrors, NoZooThere) {
  expect_one_line_error(run_cli({"zoo", "list", "--zoo", "/nonexistent"}), 1, {"/nonexistent", "zoo.json"});
}

TEST(ZooErrors, NeitherListNorVerify) { EXPECT_EQ(run_cli({"zoo"}).status, 2); }

TEST(ZooErrors, JsonThatDoesNotParse) {
  const MadeUpZoo made;
  made.write("toy/task.json", "{\n \"name\": ,\n}");
  made.list_files();
  expect_one_line_error(run_cli({"zoo", "list", "--zoo", made.root()}), 1, {"toy/task.json:2:10: ", "not JSON"});
}

TEST(ZooErrors, MissingModel) {
  const MadeUpZoo made;
  std::filesystem::remove(made.root() / "toy/int8/model.json");
  expect_one_line_error(run_cli({"zoo", "verify", "--zoo", made.root()}), 1, {"toy/int8/model.json", "missing"});
}

TEST(ZooErrors, TruncatedModel) {
  const MadeUpZoo made;
  made.write("toy/int8/model.json", "{");
  expect_one_line_error(run_cli({"zoo", "verify", "--zoo", made.root()}), 1, {"toy/int8/model.json", "1 bytes"});
}

TEST(ZooErrors, AlteredModel) {
  const MadeUpZoo made;
  std::string text = read_file(made.root() / "toy/int8/model.json").value();
  text[text.find("h0")] = 'g';
  made.write("toy/int8/model.json", text);
  const CliResult result = run_cli({"zoo", "verify", "--zoo", made.root()});
  expect_one_line_error(result, 1, {"toy/int8/model.json", "SHA-256"});
  EXPECT_NE(result.out.find("FAIL files"), std::string::npos);
  EXPECT_EQ(result.out.find("models"), std::string::npos) << "went on after the first group that failed";
}

TEST(ZooErrors, ModelThatIsNone) {
  const MadeUpZoo made;
  for (const std::string variant : {"dense", "int8", "structured-50"}) {
    made.write("toy/" + variant + "/model.xml", "<net><layers>");
    made.write("toy/" + variant + "/model.bin", "weights");
    made.edit("toy/" + variant + "/variant.json", [](Json& json) { json["model"] = "model.xml"; });
  }
  const CliResult result = run_cli({"zoo", "verify", "--zoo", made.root()});
  expect_one_line_error(result, 1, {"toy/dense/model.xml", "cannot read the model"});
  EXPECT_NE(result.out.find("ok   files"), std::string::npos);
}

TEST(ZooErrors, CutTensorOfAnotherType) {
  const MadeUpZoo made;
  give_ir_models(made);
  tiny_toy("i32").write(made.root() / "toy/int8/model.xml");
  made.list_files();
  const Words words{"toy/int8/model.xml", "h0", "i32", "f32"};
  expect_one_line_error(run_cli({"zoo", "verify", "--zoo", made.root()}), 1, words);
  expect_one_line_error(run_cli({"stitch", "--zoo", made.root(), "--task", "toy", "--variant", "dense,int8,int8"}), 1,
                        words);
}

TEST(ZooErrors, AlteredModelIsNotStitched) {
  const MadeUpZoo made;
  give_ir_models(made);
  std::string text = read_file(made.root() / "toy/int8/model.xml").value();
  text[text.find("tiny")] = 'T';
  made.write("toy/int8/model.xml", text);
  expect_one_line_error(run_cli({"stitch", "--zoo", made.root(), "--task", "toy", "--variant", "dense,int8,int8"}), 1,
                        {"toy/int8/model.xml", "SHA-256"});
}

// The pieces are cut and kept while all is right; then weights change that the model file only points to.
TEST(ZooErrors, AlteredExternalWeightsAreNotStitchedFromKeptPieces) {
  const MadeUpZoo made;
  for (const std::string variant : {"dense", "int8", "structured-50"}) {
    made.write("toy/" + variant + "/model.onnx", tiny_onnx("weights.bin"));
    made.write("toy/" + variant + "/weights.bin", tiny_onnx_weights());
    made.edit("toy/" + variant + "/variant.json", [](Json& json) { json["model"] = "model.onnx"; });
  }
  const TemporaryFolder cache;
  const Words stitch{"stitch", "--zoo", made.root(), "--task", "toy", "--variant", "dense,int8,int8", "--rounds", "1"};
  const CliResult before = run_cli(stitch, cache.path());
  EXPECT_EQ(before.status, 0) << before.err;
  EXPECT_NE(before.out.find("accuracy 75.0 %"), std::string::npos) << before.out;
  made.write("toy/int8/weights.bin", std::string(tiny_onnx_weights().size(), '\0'));
  expect_one_line_error(run_cli(stitch, cache.path()), 1, {"toy/int8/weights.bin", "SHA-256"});
}

TEST(ZooErrors, MeasuredAccuracyCountsAndTheContradictionIsSaid) {
  const MadeUpZoo made;
  give_ir_models(made);
  made.edit("toy/int8/variant.json", [](Json& json) { json["accuracy"]["profile"] = 1.0; });
  const zoo::Zoo zoo = made.load();
  const auto runtime = backend::make_runtime("auto").value();
  const soc::Soc soc = soc::discover(*runtime).value();
  const TemporaryFolder cache;
  const fs::path database = cache.path() / "profiles" / profile::default_database(zoo, soc).value().filename();
  fs::create_directory(database.parent_path());
  {
    auto profile = profile::Database::open(database, zoo, soc);
    ASSERT_TRUE(profile.ok()) << profile.status().message();
    const zoo::Sigma int8(3, zoo::VariantId(1));
    const profile::AccuracyEntry entry{zoo::TaskId(0), profile::SplitName::kProfile, int8, {5, 8}};
    ASSERT_TRUE(profile->write(std::span(&entry, 1)).ok());
  }
  const CliResult listed = run_cli({"zoo", "list", "--zoo", made.root()}, cache.path());
  expect_one_line_error(listed, 0, {"warning: task 'toy'", "'int8'", "62.5 %", "100.0 %", "variant.json"});
  EXPECT_NE(listed.out.find(" 62.5 "), std::string::npos) << listed.out;
  EXPECT_EQ(listed.out.find(" 100.0 "), std::string::npos) << listed.out;
}

TEST(ZooErrors, FormatOfAnotherRelease) {
  const MadeUpZoo made;
  made.edit("zoo.json", [](Json& json) { json["format_version"] = 3; });
  expect_one_line_error(run_cli({"zoo", "list", "--zoo", made.root()}), 1,
                        {"zoo.json", "format_version 3", "reads 1 to 2"});
}

TEST(ZooErrors, ProfileThatCannotBeOpenedCostsTheLatenciesOnly) {
  const MadeUpZoo made;
  give_ir_models(made);
  const TemporaryFolder cache;
  const auto runtime = backend::make_runtime("auto").value();
  const auto database = profile::default_database(made.load(), soc::discover(*runtime).value()).value();
  fs::create_directory(cache.path() / "profiles");
  ASSERT_TRUE(write_file(cache.path() / "profiles" / database.filename(), "no database").ok());
  const std::string named = database.filename();
  const CliResult listed = run_cli({"zoo", "list", "--zoo", made.root()}, cache.path());
  expect_one_line_error(listed, 0, {"no latencies", named});
  EXPECT_NE(listed.out.find("structured-50"), std::string::npos);

  // A made-up zoo fails other checks; what counts is that they all ran.
  const CliResult verified = run_cli({"zoo", "verify", "--zoo", made.root()}, cache.path());
  EXPECT_NE(verified.err.find("no latencies"), std::string::npos) << verified.err;
  EXPECT_NE(verified.out.find("structured-50"), std::string::npos);
}

TEST(ZooErrors, ReportThatCannotBeWritten) {
  const CliResult result = run_cli({"zoo", "list", "--zoo", demo_zoo(), "--json", "/nonexistent/list.json"});
  expect_one_line_error(result, 1, {"/nonexistent/list.json"});
}

}  // namespace
}  // namespace sparseloom::testing
