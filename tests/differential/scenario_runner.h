// SPDX-License-Identifier: BSD-3-Clause
//
// Running the programs of scenarios from a test, and reading what they say.
#ifndef TESTS_DIFFERENTIAL_SCENARIO_RUNNER_H_
#define TESTS_DIFFERENTIAL_SCENARIO_RUNNER_H_

#include <string>
#include <vector>

// A line of `--list`; see scenario.h for the kinds.
struct Scenario {
  std::string name;
  std::string kind;  // "equal", "differs", "crash", "hang", "spin"
  bool per_backend = false;
  std::string promise;
  std::string why;
};

struct Outcome {
  std::string record;  // its standard output
  std::string errors;  // its standard error
  bool timed_out = false;
  int status = 0;  // as waitpid gives it

  bool Completed() const { return Exited(0); }
  bool Exited(int code) const;
  bool Crashed() const;  // by a signal, or by the library's fatal callback
  bool Spun() const;     // wrote an endless record
  std::string Describe() const;
};

// Runs a program to its end or to the limit; then its whole process group is
// killed, so that nothing which a scenario forked stays behind. `is_oracle`
// keeps sanitizers from judging libevent.
Outcome RunProgram(const std::vector<std::string>& command, int limit_ms,
                   bool is_oracle = false);

std::vector<std::string> Lines(const std::string& text);

// The scenarios in a `--list`. Ends the program when it is none.
std::vector<Scenario> ParseList(const std::string& list);

// Takes `--name=value` out of argv; ends the program when it is not there.
std::string TakeFlag(int& argc, char** argv, const std::string& name);

#endif  // TESTS_DIFFERENTIAL_SCENARIO_RUNNER_H_
