// SPDX-License-Identifier: BSD-3-Clause
//
// A runner (runner.c) as a child process: programs go in, records come out.
#ifndef EVOKE_TESTS_DIFFERENTIAL_RANDOM_RUNNER_PROCESS_H_
#define EVOKE_TESTS_DIFFERENTIAL_RANDOM_RUNNER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace evoke::random_programs {

struct Run {
  // What the program wrote down, and how it ended if not well.
  std::string record;
  // Effects of the functions of api_list.h, in its order.
  std::vector<uint32_t> counts;
};

class RunnerProcess {
 public:
  // Starts the program at `path`; exits with a message when that fails.
  explicit RunnerProcess(const std::string& path);
  ~RunnerProcess();
  RunnerProcess(const RunnerProcess&) = delete;
  RunnerProcess& operator=(const RunnerProcess&) = delete;

  // One program: Start, then Finish, so that two runners work at once.
  void Start(const std::string& program);
  Run Finish();

 private:
  uint32_t ReadU32();
  void ReadAll(void* bytes, size_t count);
  void WriteAll(const void* bytes, size_t count);

  std::string path_;
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

}  // namespace evoke::random_programs

#endif  // EVOKE_TESTS_DIFFERENTIAL_RANDOM_RUNNER_PROCESS_H_
