#include "cli/program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>
#include <string_view>
#include <vector>

namespace sparseloom::cli {
namespace {

int report(const std::string& program, const Status& status) {
  if (!status.ok()) fmt::print(stderr, "{}: {}\n", program.substr(0, program.find(' ')), status.message());
  return exit_status(status.code());
}

// CLI11 says of an unknown command only that one is missing.
Status check_command(std::span<const CommandRow> commands, int argc, char** argv) {
  std::vector<std::string_view> names;
  for (const CommandRow& row : commands) names.emplace_back(row.name);
  if (argc < 2) return error(Code::kInvalidArgument, "no command given; allowed: {}", fmt::join(names, ", "));
  const std::string_view given = argv[1];
  if (given.starts_with('-') || std::find(names.begin(), names.end(), given) != names.end()) return {};
  return error(Code::kInvalidArgument, "command '{}': not known; allowed: {}", given, fmt::join(names, ", "));
}

Status run(const std::string& name, const std::string& description, std::span<const CommandRow> rows, int argc,
           char** argv, std::optional<int>& finished) {
  SL_RETURN_IF_ERROR(check_command(rows, argc, argv));
  CLI::App app(description, name);
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, std::function<Status()>>> commands;
  for (const CommandRow& row : rows) {
    CLI::App* const command = app.add_subcommand(row.name, row.help);
    commands.emplace_back(command, row.add(*command));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) return error(Code::kInvalidArgument, "{} (see {} --help)", e.what(), name);
    finished = app.exit(e);  // --help
    return {};
  }
  for (const auto& [command, action] : commands) {
    if (command->parsed()) return action();
  }
  return error(Code::kInternal, "no command ran");
}

}  // namespace

int run_program(const std::string& name, const std::string& description, std::span<const CommandRow> commands, int argc,
                char** argv) {
  try {
    std::optional<int> finished;
    const Status status = run(name, description, commands, argc, argv, finished);
    return finished ? *finished : report(name, status);
  } catch (const std::exception& e) {  // a bug of ours or of a library: still one line and a status
    return report(name, error(Code::kInternal, "unexpected failure: {}", e.what()));
  }
}

}  // namespace sparseloom::cli
