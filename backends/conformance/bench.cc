// SPDX-License-Identifier: BSD-3-Clause
#include "backends/conformance/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/memory.h"

namespace evoke::conformance {

namespace {

constexpr unsigned kHelperSeconds = 8;

}  // namespace

Bench::Bench(const evoke_backend* table, unsigned options)
    : table_(table), options_(options) {
  evoke_backend_options open_options = {};
  open_options.struct_size = sizeof(open_options);
  open_options.flags = options;
  state_ = table->open(&open_options);
  Expect(state_ != nullptr, "open() gave no state: %s", strerror(errno));
}

void Bench::Close() {
  if (state_ != nullptr) table_->close(state_);
  state_ = nullptr;
  for (int fd = 0; fd <= highest_fd_; ++fd) {
    Free(reinterpret_cast<void*>(rooms_.Get(fd)));
    rooms_.Set(fd, 0);
  }
}

bool Bench::Expect(bool kept, const char* format, ...) {
  if (kept || is_broken()) return kept;
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(broken_, sizeof(broken_), format, arguments);
  va_end(arguments);
  return false;
}

// The memory moves after every call, as the contract allows.
int Bench::Tell(int fd, short old_interest, uint32_t told) {
  size_t bytes = table_->per_fd_bytes;
  void* room = AllocateZeroed(bytes);
  void* before = reinterpret_cast<void*>(rooms_.Get(fd));
  if (bytes != 0 && room == nullptr) CannotRun();
  if (before != nullptr) {
    memcpy(room, before, bytes);
    memset(before, 0xa5, bytes);
    Free(before);
  }
  rooms_.Set(fd, reinterpret_cast<uintptr_t>(room));
  return table_->change(state_, fd, old_interest,
                        static_cast<short>(told & ~uint32_t{EV_ET}),
                        (told & EV_ET) != 0, room);
}

int Bench::Change(int fd, short interest, bool edge) {
  if (state_ == nullptr) return -1;
  if (!interests_.MakeRoom(fd) || !rooms_.MakeRoom(fd)) CannotRun();
  if (fd > highest_fd_) highest_fd_ = fd;
  short old_interest = InterestOf(fd);
  uint32_t told = static_cast<uint16_t>(interest);
  if (edge && interest != 0) told |= EV_ET;
  int result = Tell(fd, old_interest, told);
  if (result == 0) interests_.Set(fd, told);
  return result;
}

void Bench::Watch(int fd, short interest, bool edge) {
  short old_interest = InterestOf(fd);
  int result = Change(fd, interest, edge);
  Expect(result == 0, "change() from interest 0x%x to 0x%x returned %d: %s",
         static_cast<unsigned>(old_interest), static_cast<unsigned>(interest),
         result, strerror(errno));
}

void Bench::Reassert(int fd) {
  uint32_t told = interests_.Get(fd);
  Watch(fd, static_cast<short>(told & ~uint32_t{EV_ET}), (told & EV_ET) != 0);
}

int Bench::GrowSink(evoke_ready_sink* base) {
  Sink* sink = static_cast<Sink*>(base);
  if (sink->limit >= 0 && sink->capacity >= sink->limit) return 0;
  if (!sink->items.Grow()) CannotRun();
  sink->list = sink->items.items;
  sink->capacity = sink->items.capacity;
  return 1;
}

int Bench::Wait(int64_t timeout_us) {
  StartWait(timeout_us);
  return FinishWait();
}

void Bench::StartWait(int64_t timeout_us) {
  sink_.count = 0;
  sink_.limit = sink_limit_;
  sink_.grow = GrowSink;
  if (sink_.list == nullptr && !GrowSink(&sink_)) CannotRun();
  if (sink_limit_ >= 0) sink_.capacity = sink_limit_;
  if (state_ == nullptr) return;
  errno = 0;
  wait_result_ = table_->wait(state_, timeout_us, &sink_);
  wait_errno_ = errno;
}

int Bench::FinishWait() {
  Expect(wait_result_ == 0 || wait_result_ == EVOKE_WAIT_REBUILT,
         "wait() returned %d: %s", wait_result_, strerror(wait_errno_));
  CheckReports();
  if (wait_result_ == EVOKE_WAIT_REBUILT) HandOver();
  return sink_.count;
}

void Bench::CheckReports() {
  for (int i = 0; i < sink_.count; ++i) {
    const evoke_ready& report = sink_.list[i];
    if (!Expect(report.fd >= 0 && report.fd <= highest_fd_,
                "wait() reported descriptor %d, which it was never told of",
                report.fd)) {
      return;
    }
    short interest = InterestOf(report.fd);
    Expect(interest != 0,
           "wait() reported 0x%x of a descriptor without interest",
           static_cast<unsigned>(report.ready));
    Expect(report.ready != 0, "wait() reported an empty ready set");
    Expect((report.ready & ~interest) == 0,
           "wait() reported 0x%x where only 0x%x was asked for",
           static_cast<unsigned>(report.ready),
           static_cast<unsigned>(interest));
    for (int k = 0; k < i && !is_broken(); ++k) {
      Expect(sink_.list[k].fd != report.fd,
             "wait() reported one descriptor twice");
    }
  }
}

short Bench::ReadyOf(int fd) const {
  for (int i = 0; i < sink_.count; ++i) {
    if (sink_.list[i].fd == fd) return sink_.list[i].ready;
  }
  return 0;
}

void Bench::ExpectReady(int fd, short ready, const char* when) {
  Wait(0);
  Expect(ReadyOf(fd) == ready, "the ready set was 0x%x instead of 0x%x, %s",
         static_cast<unsigned>(ReadyOf(fd)), static_cast<unsigned>(ready),
         when);
}

// As the loop does when the backend knows nothing any more. A descriptor that
// was closed meanwhile may be refused.
void Bench::HandOver() {
  for (int fd = 0; fd <= highest_fd_; ++fd) {
    uint32_t told = interests_.Get(fd);
    if (void* room = reinterpret_cast<void*>(rooms_.Get(fd))) {
      memset(room, 0, table_->per_fd_bytes);
    }
    if (told == 0) continue;
    int result = Tell(fd, 0, told);
    Expect(result == 0 || fcntl(fd, F_GETFD) < 0,
           "change() refused an interest that was handed over again: %s",
           strerror(errno));
  }
}

void Bench::Forked() {
  int result = table_->forked(state_);
  Expect(result == 0, "forked() returned %d: %s", result, strerror(errno));
  HandOver();
}

void CannotRun() { _exit(kCannotRunStatus); }

namespace {

void MakeNonBlocking(int fd) {
  if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) CannotRun();
}

}  // namespace

Pair MakePair() {
  int fds[2];
  int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (socketpair(AF_UNIX, type, 0, fds) < 0) CannotRun();
  return {fds[0], fds[1]};
}

Pair MakeTcpPair() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || ours < 0 || bind(listener, generic, length) < 0 ||
      listen(listener, 1) < 0 || getsockname(listener, generic, &length) < 0 ||
      connect(ours, generic, length) < 0) {
    CannotRun();
  }
  int peer = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (peer < 0) CannotRun();
  close(listener);
  MakeNonBlocking(ours);
  MakeNonBlocking(peer);
  return {ours, peer};
}

void WriteByte(int fd) {
  if (send(fd, "x", 1, MSG_NOSIGNAL) != 1) CannotRun();
}

void Drain(int fd) {
  char bytes[4096];
  while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
  }
}

void Fill(int fd) {
  char bytes[4096] = {};
  while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
}

void Reset(int fd) {
  linger no_linger = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_linger, sizeof(no_linger));
  close(fd);
}

int LowestFreeFd() {
  int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
  if (fd < 0) fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) CannotRun();
  close(fd);
  return fd;
}

int64_t ElapsedUs(int64_t start_us) { return MonotonicMicros() - start_us; }

int ForkHelper() {
  int pid = fork();
  if (pid < 0) CannotRun();
  if (pid == 0) {
    signal(SIGALRM, SIG_DFL);
    alarm(kHelperSeconds);
  }
  return pid;
}

bool Await(int pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace evoke::conformance
