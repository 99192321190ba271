#include "cli/program.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <vector>

#include "sparseloom/base/names.h"
#include "sparseloom/base/printable.h"

namespace sparseloom::cli {
namespace {

int report(const std::string& program, const Status& status) {
  if (!status.ok()) fmt::print(stderr, "{}: {}\n", program.substr(0, program.find(' ')), printable(status.message()));
  return exit_status(status.code());
}

// CLI11 says of an unknown command only that one is missing. `words` is what follows the name of `app`.
Status check_command(const CLI::App& app, std::span<char* const> words) {
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  if (commands.empty()) return {};
  std::vector<std::string> names;
  for (const CLI::App* command : commands) names.push_back(command->get_name());
  if (words.empty()) {
    if (app.get_require_subcommand_min() == 0) return {};
    const std::string place = app.get_parent() == nullptr ? "" : app.get_name() + ": ";
    return error(Code::kInvalidArgument, "{}no command given; allowed: {}", place, fmt::join(names, ", "));
  }
  const std::string_view given = words.front();
  if (given.starts_with('-')) return {};
  const auto found = std::find(names.begin(), names.end(), given);
  // A word that is no command may be an argument of its own.
  const bool takes_words = !app.get_options([](const CLI::Option* option) { return option->get_positional(); }).empty();
  if (found == names.end() && takes_words) return {};
  if (found == names.end()) return unknown_name("command", given, names);
  return check_command(*commands[static_cast<std::size_t>(found - names.begin())], words.subspan(1));
}

Status check_value(const CLI::Option& option, const std::string& value) {
  if (value.empty()) return error(Code::kInvalidArgument, "{}: got ''; allowed: a value", option.get_name());
  const bool number = option.get_type_name().find("FLOAT") != std::string::npos;
  if (!number || std::isfinite(std::strtod(value.c_str(), nullptr))) return {};
  return error(Code::kInvalidArgument, "{}: got '{}'; allowed: a finite number", option.get_name(), value);
}

// What no option of any command takes: CLI11 lets NaN pass every range, and an empty text every name.
Status check_values(const CLI::App& app) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& value : option->results()) SL_RETURN_IF_ERROR(check_value(*option, value));
  }
  for (const CLI::App* command : app.get_subcommands()) SL_RETURN_IF_ERROR(check_values(*command));
  return {};
}

// Whether what was printed has arrived: a disk that is full, for instance, shows here.
Status check_output() {
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return {};
  return error(Code::kUnavailable, "standard output: cannot be written{}{}", errno == 0 ? "" : ": ",
               errno == 0 ? "" : std::strerror(errno));
}

Status run(const std::string& name, const std::string& description, std::span<const CommandRow> rows, int argc,
           char** argv, std::optional<int>& finished) {
  CLI::App app(description, name);
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, std::function<Status()>>> commands;
  for (const CommandRow& row : rows) {
    CLI::App* const command = app.add_subcommand(row.name, row.help);
    commands.emplace_back(command, row.add(*command));
  }
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  SL_RETURN_IF_ERROR(check_command(app, words.subspan(std::min<std::size_t>(1, words.size()))));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() != 0) return error(Code::kInvalidArgument, "{} (see {} --help)", e.what(), name);
    finished = app.exit(e);  // --help
    return {};
  }
  SL_RETURN_IF_ERROR(check_values(app));
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
    Status status = run(name, description, commands, argc, argv, finished);
    if (status.ok()) status = check_output();
    return finished && status.ok() ? *finished : report(name, status);
  } catch (const std::bad_alloc&) {
    return report(name, error(Code::kResourceExhausted, "not enough memory"));
  } catch (const std::exception& e) {
    if (std::ferror(stdout) != 0) return report(name, error(Code::kUnavailable, "standard output: {}", e.what()));
    return report(name, error(Code::kInternal, "unexpected failure: {}", e.what()));  // a bug: still one line
  }
}

}  // namespace sparseloom::cli
