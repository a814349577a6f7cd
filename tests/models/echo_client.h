// SPDX-License-Identifier: BSD-3-Clause
//
// Clients of an echo service whose every wait has a deadline, and what /proc
// tells of a server. Used beside tests/examples/process.h, which runs the
// server.
#ifndef EVOKE_TESTS_MODELS_ECHO_CLIENT_H_
#define EVOKE_TESTS_MODELS_ECHO_CLIENT_H_

#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/examples/process.h"

namespace evoke::testing {

// Bytes in which a piece that is lost, repeated or moved shows. They repeat,
// for quickness, after a prime number of them.
inline std::string Pattern(size_t bytes, unsigned seed = 1) {
  std::string result;
  uint32_t state = seed * 2654435761u + 1;
  while (result.size() < std::min<size_t>(bytes, 65521)) {
    state = state * 1664525u + 1013904223u;
    result.push_back(static_cast<char>(state >> 24));
  }
  while (result.size() < bytes) {
    result.append(result, 0, bytes - result.size());
  }
  return result;
}

// Tries every few milliseconds until `condition` holds; false after a minute.
inline bool Eventually(const std::function<bool()>& condition) {
  timespec start, now, pause = {0, 5'000'000};
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (;;) {
    if (condition()) return true;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - start.tv_sec) * 1000 > kPatienceMillis) return false;
    nanosleep(&pause, nullptr);
  }
}

// How many descriptors process `pid` has open.
inline int OpenDescriptors(pid_t pid) {
  DIR* directory = opendir(("/proc/" + std::to_string(pid) + "/fd").c_str());
  int count = 0;
  if (directory == nullptr) return -1;
  while (dirent* entry = readdir(directory)) count += entry->d_name[0] != '.';
  closedir(directory);
  return count;
}

// The processes that process `pid` has made and not waited for: zombies, too.
inline std::vector<pid_t> Children(pid_t pid) {
  std::vector<pid_t> children;
  DIR* directory = opendir("/proc");
  if (directory == nullptr) return children;
  while (dirent* entry = readdir(directory)) {
    std::ifstream stat(std::string("/proc/") + entry->d_name + "/stat");
    std::string name, state;
    pid_t parent = 0;
    std::getline(stat, name, ')');
    if (stat >> state >> parent && parent == pid) {
      children.push_back(static_cast<pid_t>(atoi(entry->d_name)));
    }
  }
  closedir(directory);
  return children;
}

// A server and the processes that it has made, which may be who serves.
inline std::vector<pid_t> Processes(pid_t pid) {
  std::vector<pid_t> all = Children(pid);
  all.insert(all.begin(), pid);
  return all;
}

// How many descriptors these have open; one that has ended has none.
inline int OpenDescriptors(const std::vector<pid_t>& pids) {
  int count = 0;
  for (pid_t pid : pids) count += std::max(OpenDescriptors(pid), 0);
  return count;
}

// The threads of process `pid`, and the state of each, a letter: proc(5).
inline std::map<pid_t, char> ThreadStates(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task/";
  std::map<pid_t, char> states;
  DIR* directory = opendir(tasks.c_str());
  if (directory == nullptr) return states;
  while (dirent* entry = readdir(directory)) {
    std::ifstream stat(tasks + entry->d_name + "/stat");
    std::string name;
    char state = 0;
    std::getline(stat, name, ')');
    if (stat >> state) {
      states[static_cast<pid_t>(atoi(entry->d_name))] = state;
    }
  }
  closedir(directory);
  return states;
}

// Whether nobody in these is doing anything, nor has ended and not been buried.
inline bool AllSleep(const std::vector<pid_t>& pids) {
  for (pid_t pid : pids) {
    const std::map<pid_t, char> states = ThreadStates(pid);
    if (states.empty()) return false;
    for (const auto& [thread, state] : states) {
      if (state != 'S') return false;
    }
  }
  return true;
}

// The lowest number that a process has `skip` unused numbers below: with this
// as its limit it can open `skip` more.
inline rlim_t UnusedDescriptor(pid_t pid, int skip) {
  for (int fd = 0;; ++fd) {
    const std::string link =
        "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(fd);
    char target[8];
    if (readlink(link.c_str(), target, sizeof(target)) >= 0) continue;
    if (skip-- == 0) return static_cast<rlim_t>(fd);
  }
}

// How many numbers below this one it may use. The limit of a process that runs
// can be changed; the descriptors that it has above remain.
inline void LimitDescriptors(pid_t pid, rlim_t limit) {
  rlimit limits;
  EXPECT_EQ(prlimit(pid, RLIMIT_NOFILE, nullptr, &limits), 0);
  limits.rlim_cur = std::min(limit, limits.rlim_max);
  EXPECT_EQ(prlimit(pid, RLIMIT_NOFILE, &limits, nullptr), 0);
}

// Whether it can open another one.
inline bool HasRoom(pid_t pid) {
  rlimit limits;
  return prlimit(pid, RLIMIT_NOFILE, nullptr, &limits) == 0 &&
         UnusedDescriptor(pid, 0) < limits.rlim_cur;
}

// A connection to a port of the loopback that never blocks for ever.
class EchoClient {
 public:
  // `receive_bytes` > 0 makes the socket's receive buffer small.
  explicit EchoClient(int port, int receive_bytes = 0) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (receive_bytes > 0) {
      setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(int));
    }
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address),
                         sizeof(address)) == 0;
    EXPECT_TRUE(connected_) << strerror(errno);
    fcntl(fd_, F_SETFL, O_NONBLOCK);
    int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  EchoClient(const EchoClient&) = delete;
  EchoClient& operator=(const EchoClient&) = delete;
  ~EchoClient() { Close(); }

  // Sends until all is sent, or the peer has taken nothing for `quiet_millis`.
  // Returns how many bytes were sent.
  size_t SendWhileTaken(const std::string& bytes, int quiet_millis) {
    size_t sent = 0;
    while (sent < bytes.size() && Ready(POLLOUT, quiet_millis)) {
      ssize_t some =
          send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (some < 0 && errno != EAGAIN) break;
      if (some > 0) sent += static_cast<size_t>(some);
    }
    return sent;
  }

  void Send(const std::string& bytes) {
    EXPECT_EQ(SendWhileTaken(bytes, kPatienceMillis), bytes.size());
  }

  // Receives until there are `bytes`, the end, or nothing for a minute.
  std::string Receive(size_t bytes) {
    std::string got;
    while (got.size() < bytes && ReceiveSome(&got, kPatienceMillis)) {
    }
    return got;
  }
  std::string ReceiveRest() { return Receive(SIZE_MAX); }

  // Sends and receives at the same time.
  std::string Exchange(const std::string& bytes, size_t expected) {
    std::string got;
    size_t sent = 0;
    while (got.size() < expected) {
      pollfd ready = {fd_, POLLIN, 0};
      if (sent < bytes.size()) ready.events |= POLLOUT;
      if (poll(&ready, 1, kPatienceMillis) <= 0) break;
      if (ready.revents & POLLOUT) {
        ssize_t some =
            send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (some > 0) sent += static_cast<size_t>(some);
      }
      if ((ready.revents & ~POLLOUT) && !ReceiveSome(&got, 0)) break;
    }
    return got;
  }
  std::string Echo(const std::string& bytes) {
    return Exchange(bytes, bytes.size());
  }

  // Whether there is something to receive now.
  bool HasBytes() { return Ready(POLLIN, 0); }

  bool connected() const { return connected_; }
  void HalfClose() { shutdown(fd_, SHUT_WR); }
  // Closes with a RST, as a client that crashes does.
  void Reset() {
    linger now = {1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    Close();
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

 private:
  bool Ready(short events, int millis) {
    pollfd ready = {fd_, events, 0};
    return poll(&ready, 1, millis) > 0;
  }

  // False at the end, after an error, or when nothing comes.
  bool ReceiveSome(std::string* got, int millis) {
    char bytes[65536];
    if (!Ready(POLLIN, millis)) return false;
    ssize_t some = recv(fd_, bytes, sizeof(bytes), 0);
    if (some < 0 && errno == EAGAIN) return true;
    if (some > 0) got->append(bytes, static_cast<size_t>(some));
    return some > 0;
  }

  int fd_ = -1;
  bool connected_ = false;
};

}  // namespace evoke::testing

#endif  // EVOKE_TESTS_MODELS_ECHO_CLIENT_H_
