// SPDX-License-Identifier: BSD-3-Clause
//
// See program.h.
#include "tests/differential/random/program.h"

#include <sstream>

namespace evoke::random_programs {
namespace {

struct OpInfo {
  const char* name;
  const char* args;  // names, separated by spaces
};

constexpr OpInfo kOps[] = {
#define OP(name, args) {#name, args},
#include "tests/differential/random/ops.h"
#undef OP
};

std::vector<std::string> ArgumentNames(Op op) {
  std::istringstream words(kOps[static_cast<int>(op)].args);
  std::vector<std::string> names;
  for (std::string word; words >> word;) names.push_back(word);
  return names;
}

}  // namespace

int ArgumentCount(Op op) { return static_cast<int>(ArgumentNames(op).size()); }

std::string Program::ToText() const {
  std::string text;
  for (size_t i = 0; i < scripts.size(); ++i) {
    if (scripts[i].empty()) continue;
    text += "script " + std::to_string(i) + "\n";
    for (const Instruction& instruction : scripts[i]) {
      text += kOps[static_cast<int>(instruction.op)].name;
      const std::vector<std::string> names = ArgumentNames(instruction.op);
      for (size_t arg = 0; arg < names.size(); ++arg) {
        text += " " + names[arg] + "=" + std::to_string(instruction.args[arg]);
      }
      text += "\n";
    }
  }
  return text;
}

int Program::size() const {
  int count = 0;
  for (const auto& script : scripts) count += static_cast<int>(script.size());
  return count;
}

}  // namespace evoke::random_programs
