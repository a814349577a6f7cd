// SPDX-License-Identifier: BSD-3-Clause
//
// Makes a program that shows something small enough to be read.
#ifndef EVOKE_TESTS_DIFFERENTIAL_RANDOM_SHRINK_H_
#define EVOKE_TESTS_DIFFERENTIAL_RANDOM_SHRINK_H_

#include <functional>

#include "tests/differential/random/program.h"

namespace evoke::random_programs {

// Drops instructions from `program` as long as `differs` holds for the rest:
// in halves, quarters and so on down to single ones, until no single one can
// be dropped. REQUIRES: differs(program).
Program Shrink(Program program,
               const std::function<bool(const Program&)>& differs);

}  // namespace evoke::random_programs

#endif  // EVOKE_TESTS_DIFFERENTIAL_RANDOM_SHRINK_H_
