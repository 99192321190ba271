#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "apps/commands.h"
#include "cli/data.h"

namespace sparseloom::apps {
namespace {

// Becomes the program `sparseloom-bench`, which stands beside this one.
Status become_bench(std::vector<std::string> arguments) {
  std::string program = (cli::program_folder() / "sparseloom-bench").string();
  std::vector<char*> argv{program.data()};
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ::execv(program.c_str(), argv.data());
  return error(Code::kNotFound, "bench: cannot run {}: {}; build target sparseloom-bench", program,
               std::strerror(errno));
}

}  // namespace

std::function<Status()> add_bench(CLI::App& command) {
  command.set_help_flag();  // it is the other program that knows its options
  command.prefix_command();
  return [&command] { return become_bench(command.remaining()); };
}

}  // namespace sparseloom::apps
