// SPDX-License-Identifier: BSD-3-Clause
//
// A program as data: scripts of instructions, and their text (see ops.h and
// interpreter.h).
#ifndef EVOKE_TESTS_DIFFERENTIAL_RANDOM_PROGRAM_H_
#define EVOKE_TESTS_DIFFERENTIAL_RANDOM_PROGRAM_H_

#include <cstdint>
#include <string>
#include <vector>

namespace evoke::random_programs {

enum class Op {
#define OP(name, args) name,
#include "tests/differential/random/ops.h"
#undef OP
};

struct Instruction {
  Op op;
  std::vector<long> args;
};

struct Program {
  // Script 0 is the program; the others are what callbacks do.
  std::vector<std::vector<Instruction>> scripts;

  std::string ToText() const;
  int size() const;  // instructions in all scripts
};

// How many arguments `op` takes.
int ArgumentCount(Op op);

// The program of `seed`: the same one always, on every machine.
Program Generate(uint64_t seed);

}  // namespace evoke::random_programs

#endif  // EVOKE_TESTS_DIFFERENTIAL_RANDOM_PROGRAM_H_
