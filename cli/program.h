// cli: what the programs share of their command lines: commands and their errors, the zoo and machine that options
// name, progress, Ctrl-C.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>

#include "sparseloom/base/status.h"

namespace sparseloom::cli {

/// Adds a command's options to `command` and returns what runs after parsing. What it returns decides the exit status.
using AddCommand = std::function<Status()> (*)(CLI::App& command);

/// A line of a program's table of commands.
struct CommandRow {
  const char* name;
  const char* help;
  AddCommand add;
};

/// Threads that any --threads takes at most.
inline constexpr int kMostThreads = 1024;

/// Runs the command that `argv` names. Returns the exit status; an error is one line on standard error, its control
/// characters escaped. No option of any command takes an empty text, NaN or infinity, and that standard output could
/// not be written is an error like any other.
int run_program(const std::string& name, const std::string& description, std::span<const CommandRow> commands, int argc,
                char** argv);

}  // namespace sparseloom::cli
