// sparseloom eval: names that do not exist, found before anything is played.
#include "tests/errors/cli.h"

namespace sparseloom::testing {
namespace {

CliResult eval(const TemporaryFolder& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"eval", "--zoo", demo_zoo(), "--out", (folder.path() / "out").string()});
  return run_cli(arguments);
}

TEST(EvalErrors, CellsOffTheGrid) {
  const TemporaryFolder folder;
  expect_one_line_error(eval(folder, {"--cells", "a9l0"}), 2, {"--cells", "'a9l0'", "grid, coarse, diagonal"});
}

TEST(EvalErrors, UnknownSystem) {
  const TemporaryFolder folder;
  expect_one_line_error(eval(folder, {"--system", "oracle"}), 2,
                        {"--system", "'oracle'", "sparseloom", "sparseloom-pinned"});
}

TEST(EvalErrors, TheSameSystemTwice) {
  const TemporaryFolder folder;
  expect_one_line_error(eval(folder, {"--system", "exact", "--system", "exact"}), 2,
                        {"--system exact and --system exact", "each once"});
}

TEST(EvalErrors, TwoMachinesOfOneName) {
  const TemporaryFolder folder;
  const std::filesystem::path copy = folder.path() / "copy.json";
  const std::string shipped = SPARSELOOM_SOURCE_DIR "/socs/jetson-agx-orin.json";
  std::filesystem::copy_file(shipped, copy);
  expect_one_line_error(eval(folder, {"--soc", "jetson-agx-orin", "--soc", copy}), 2,
                        {"--soc jetson-agx-orin and --soc " + copy.string(), "both are named '", "of its own"});
}

TEST(EvalErrors, UnknownWayToTellProfilingCost) {
  const TemporaryFolder folder;
  expect_one_line_error(eval(folder, {"--profiling", "some"}), 2, {"--profiling", "some", "none,projected,once,each"});
}

TEST(EvalErrors, UnknownMachine) {
  const TemporaryFolder folder;
  expect_one_line_error(eval(folder, {"--soc", "pocket-calculator"}), 2, {"pocket-calculator", "jetson-agx-orin"});
}

TEST(EvalErrors, FolderThatCannotBeMade) {
  const TemporaryFolder folder;
  expect_one_line_error(run_cli({"eval", "--zoo", demo_zoo(), "--out", "/proc/nowhere/out"}), 1,
                        {"--out", "/proc/nowhere/out"});
}

TEST(EvalErrors, PictureThatCannotBeWritten) {
  const TemporaryFolder folder;
  expect_one_line_error(eval(folder, {"--plane", folder.path()}), 1, {"--plane " + folder.path().string(), "a folder"});
}

TEST(EvalErrors, NetworksWithoutAModelledMachine) {
  const TemporaryFolder folder;
  expect_one_line_error(eval(folder, {"--network", "m.onnx", "--soc", "host"}), 2,
                        {"--network", "modelled machines", "--soc names none"});
}

}  // namespace
}  // namespace sparseloom::testing
