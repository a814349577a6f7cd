// SPDX-License-Identifier: BSD-3-Clause
//
// A server under test, as a program of its own: any that takes `--port 0`, says
// "port: N" on stderr when it listens, and ends by SIGTERM with status 0.
#ifndef EVOKE_BENCH_LOAD_SERVER_H_
#define EVOKE_BENCH_LOAD_SERVER_H_

#include <sched.h>
#include <signal.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <thread>

namespace evoke::load {

class Server {
 public:
  // Starts `path` on the cores in `cores`, in a session of its own. When the
  // system runs out of memory it goes first. Only one server runs at a time
  // where EndOnSignals() is in force.
  Server(const std::string& path, const cpu_set_t& cores);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();  // kills what is left

  // Waits for the port, at most so long; -1 when the server does not tell one.
  int Port(int64_t limit_ns);

  // The number of its first process, and of its session.
  pid_t pid() const { return pid_; }

  // Asks it to end by SIGTERM, and kills it after `limit_ns`. In words how it
  // ended where that is not status 0; with what it said last on stderr.
  std::string Stop(int64_t limit_ns);

  // From now on SIGINT and SIGTERM kill the server that runs, then the program.
  static void EndOnSignals();

 private:
  void ReadErrors(int fd);
  bool WaitForEnd(int64_t limit_ns, siginfo_t& end);
  void Kill();

  pid_t pid_ = -1;
  std::thread reader_;  // so that the server never waits for us to read
  int port_pipe_[2];    // the reader says the port in it
  std::string said_;    // the last of the rest; to be read when it has ended
};

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_SERVER_H_
