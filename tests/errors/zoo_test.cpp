// sparseloom zoo: what it says about zoos that are not right.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

TEST(ZooErrors, NoZooThere) {
  expect_one_line_error(run_cli({"zoo", "list", "--zoo", "/nonexistent"}), 1, {"/nonexistent", "zoo.json"});
}

TEST(ZooErrors, NeitherListNorVerify) { EXPECT_EQ(run_cli({"zoo"}).status, 2); }

TEST(ZooErrors, JsonThatDoesNotParse) {
  const MadeUpZoo made;
  made.write("toy/task.json", "{\n \"name\": ,\n}");
  made.list_files();
  expect_one_line_error(run_cli({"zoo", "list", "--zoo", made.root()}), 1, {"toy/task.json:2:", "not JSON"});
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

TEST(ZooErrors, FormatOfAnotherRelease) {
  const MadeUpZoo made;
  made.edit("zoo.json", [](Json& json) { json["format_version"] = 2; });
  expect_one_line_error(run_cli({"zoo", "list", "--zoo", made.root()}), 1, {"zoo.json", "format_version 2", "reads 1"});
}

TEST(ZooErrors, ReportThatCannotBeWritten) {
  const CliResult result = run_cli({"zoo", "list", "--zoo", demo_zoo(), "--json", "/nonexistent/list.json"});
  expect_one_line_error(result, 1, {"/nonexistent/list.json"});
}

}  // namespace
}  // namespace sparseloom::testing
