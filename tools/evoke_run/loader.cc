// SPDX-License-Identifier: BSD-3-Clause
#include "tools/evoke_run/loader.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

namespace evoke_run {
namespace {

// The caller's environment with what the tracing mode wants, and without what
// would make the loader print more than the trace.
std::vector<std::string> TracingEnvironment(const std::string& library_path) {
  constexpr std::string_view kReplaced[] = {
      "LD_LIBRARY_PATH=", "LD_TRACE_LOADED_OBJECTS=",
      "LD_WARN=",         "LD_BIND_NOW=",
      "LD_VERBOSE=",      "LD_DEBUG=",
      "LD_DEBUG_OUTPUT=", "LD_SHOW_AUXV=",
  };
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    bool replaced = false;
    for (std::string_view name : kReplaced)
      replaced |= variable.substr(0, name.size()) == name;
    if (!replaced) result.emplace_back(variable);
  }
  if (!library_path.empty())
    result.push_back("LD_LIBRARY_PATH=" + library_path);
  result.push_back("LD_TRACE_LOADED_OBJECTS=1");
  // Look for every symbol, functions too, and warn of those that are not there.
  result.push_back("LD_WARN=yes");
  result.push_back("LD_BIND_NOW=yes");
  return result;
}

// Starts `loader file`, its output going to the returned descriptor; -1 and
// errno on failure.
int Start(const std::string& loader, const std::string& file,
          const std::string& library_path, pid_t* child) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -1;
  std::vector<std::string> environment = TracingEnvironment(library_path);
  std::vector<char*> variables;
  for (std::string& variable : environment)
    variables.push_back(variable.data());
  variables.push_back(nullptr);
  // The loader takes a first argument that begins with "-" for an option.
  std::string program = file.front() == '-' ? "./" + file : file;
  std::string name = loader;
  char* arguments[] = {name.data(), program.data(), nullptr};

  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init(&actions);
  if (error == 0) {
    error = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (error == 0)
      error =
          posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    if (error == 0) {
      error = posix_spawn(child, loader.c_str(), &actions, nullptr, arguments,
                          variables.data());
    }
    posix_spawn_file_actions_destroy(&actions);
  }
  close(ends[1]);
  if (error == 0) return ends[0];
  close(ends[0]);
  errno = error;
  return -1;
}

std::string ReadToEnd(int fd) {
  std::string text;
  char bytes[4096];
  while (true) {
    const ssize_t got = read(fd, bytes, sizeof(bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(bytes, static_cast<size_t>(got));
  }
}

// "\tNAME => PATH (0x7f...)", "\tNAME => not found", "\tPATH (0x7f...)".
bool ParseLibrary(std::string_view line, Library* library) {
  if (line.empty() || line.front() != '\t') return false;
  line.remove_prefix(1);
  const size_t arrow = line.find(" => ");
  const bool named = arrow != std::string_view::npos;
  std::string_view path = named ? line.substr(arrow + 4) : line;
  const size_t address = path.rfind(" (0x");
  if (address == std::string_view::npos && path.substr(0, 9) != "not found")
    return false;
  path = address == std::string_view::npos ? "" : path.substr(0, address);
  library->name =
      named ? line.substr(0, arrow) : path.substr(path.rfind('/') + 1);
  library->path = path;
  return true;
}

// "undefined symbol: NAME\t(FILE)", "symbol NAME, version V not defined in ...
// (FILE)".
bool ParseMissing(std::string_view line, Missing* missing) {
  constexpr std::string_view kUndefined = "undefined symbol: ";
  constexpr std::string_view kVersion = "symbol ";
  if (line.substr(0, kUndefined.size()) == kUndefined) {
    line.remove_prefix(kUndefined.size());
  } else if (line.substr(0, kVersion.size()) == kVersion) {
    line.remove_prefix(kVersion.size());
  } else {
    return false;
  }
  missing->symbol = line.substr(0, line.find_first_of("\t, "));
  const size_t open = line.rfind("\t(");
  missing->needed_by = "";
  if (open != std::string_view::npos && line.back() == ')') {
    missing->needed_by = line.substr(open + 2, line.size() - open - 3);
  }
  return !missing->symbol.empty();
}

}  // namespace

Trace ParseTrace(std::string_view printed) {
  Trace trace;
  while (!printed.empty()) {
    const size_t end = printed.find('\n');
    const std::string_view line = printed.substr(0, end);
    printed = end == std::string_view::npos ? "" : printed.substr(end + 1);
    Library library;
    Missing missing;
    if (ParseLibrary(line, &library)) {
      trace.libraries.push_back(library);
    } else if (ParseMissing(line, &missing)) {
      trace.missing.push_back(missing);
    } else if (line.find_first_not_of(" \t") != std::string_view::npos) {
      trace.others.emplace_back(line);
    }
  }
  return trace;
}

Error TraceProgram(const std::string& loader, const std::string& file,
                   const std::string& library_path, Trace* trace) {
  pid_t child;
  const int output = Start(loader, file, library_path, &child);
  if (output < 0) return {125, "cannot run " + loader + ": " + strerror(errno)};
  const std::string printed = ReadToEnd(output);
  close(output);
  int status;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return {125, std::string("waitpid: ") + strerror(errno)};
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return {125, loader + " cannot list the libraries of " + file +
                     (printed.empty() ? "" : ":\n" + printed)};
  }
  *trace = ParseTrace(printed);
  return {};
}

}  // namespace evoke_run
