// SPDX-License-Identifier: BSD-3-Clause
//
// The race that pselect closes: a signal between the test of a flag and the
// wait. The window is met every time: here by raising the signal in it, in
// programs by stopping them there.
#include <sys/ptrace.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <time.h>

#include <memory>
#include <string>

#include "tests/models/echo_client.h"

namespace evoke::testing {
namespace {

volatile sig_atomic_t g_ended;

void OnSignal(int signal) { g_ended = signal; }

class PselectRaceTest : public ::testing::Test {
 protected:
  PselectRaceTest() {
    struct sigaction action = {};
    action.sa_handler = OnSignal;
    sigaction(SIGUSR1, &action, &old_action_);
    sigemptyset(&blocked_);
    sigaddset(&blocked_, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked_, &usual_);
    sigdelset(&usual_, SIGUSR1);
    g_ended = 0;
    EXPECT_EQ(pipe2(ends_, O_CLOEXEC), 0);
  }
  ~PselectRaceTest() override {
    sigprocmask(SIG_SETMASK, &usual_, nullptr);
    sigaction(SIGUSR1, &old_action_, nullptr);
    close(ends_[0]);
    close(ends_[1]);
  }

  // A pipe that nobody writes to: the wait ends by a signal or by its timeout.
  void Set() {
    FD_ZERO(&readable_);
    FD_SET(ends_[0], &readable_);
  }

  struct sigaction old_action_;
  sigset_t blocked_, usual_;
  fd_set readable_;
  int ends_[2];
};

TEST_F(PselectRaceTest, SelectSleepsThoughTheSignalHasCome) {
  sigprocmask(SIG_SETMASK, &usual_, nullptr);
  Set();
  EXPECT_EQ(g_ended, 0);  // the test: nothing has come, so wait
  raise(SIGUSR1);         // the window
  timeval limit = {0, 50'000};
  // Without a limit it would sleep for ever, the flag being set.
  EXPECT_EQ(select(ends_[0] + 1, &readable_, nullptr, nullptr, &limit), 0);
  EXPECT_EQ(g_ended, SIGUSR1);
}

TEST_F(PselectRaceTest, PselectIsInterruptedByASignalThatCameBefore) {
  Set();
  EXPECT_EQ(g_ended, 0);
  raise(SIGUSR1);  // blocked: it is pending, the flag is not set
  EXPECT_EQ(g_ended, 0);
  // No limit: if the signal were lost, this would hang.
  EXPECT_EQ(
      pselect(ends_[0] + 1, &readable_, nullptr, nullptr, nullptr, &usual_),
      -1);
  EXPECT_EQ(errno, EINTR);
  EXPECT_EQ(g_ended, SIGUSR1);
}

// --- The same in programs, one of which is the model.

#ifdef __x86_64__
bool StopsWith(pid_t pid, __ptrace_request how, int* status) {
  return ptrace(how, pid, nullptr, nullptr) == 0 &&
         waitpid(pid, status, __WALL) == pid && WIFSTOPPED(*status);
}

// Goes on until a system call has returned.
bool FinishSystemCall(pid_t pid) {
  __ptrace_syscall_info info = {};
  int status;
  while (StopsWith(pid, PTRACE_SYSCALL, &status)) {
    if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0) break;
    if (info.op == PTRACE_SYSCALL_INFO_EXIT) return true;
  }
  return false;
}

// Goes on, one instruction after the other, to the next that makes a system
// call, which it does not execute. The number of the call, or -1.
long NextSystemCall(pid_t pid) {
  user_regs_struct registers;
  int status;
  do {
    if (ptrace(PTRACE_GETREGS, pid, nullptr, &registers) < 0) return -1;
    const long code = ptrace(PTRACE_PEEKTEXT, pid, registers.rip, nullptr);
    if ((code & 0xffff) == 0x050f) return static_cast<long>(registers.rax);
  } while (StopsWith(pid, PTRACE_SINGLESTEP, &status) &&
           WSTOPSIG(status) == SIGTRAP);
  return -1;
}

// Sends a signal to a server that waits in select or pselect, exactly where it
// is about to wait again, having tested its flag. Why not, if it cannot be
// done; "" if it was. The client that makes it come round is left, for its end
// would wake the server again.
std::string SignalBetweenTestAndWait(Process* server,
                                     std::unique_ptr<EchoClient>* client) {
  const int port = server->Port();
  const pid_t pid = server->pid();
  EXPECT_TRUE(Eventually([&] { return AllSleep({pid}); }));
  if (ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACESYSGOOD) < 0) {
    return std::string("no ptrace here: ") + strerror(errno);
  }
  int status;
  EXPECT_TRUE(StopsWith(pid, PTRACE_INTERRUPT, &status));
  *client = std::make_unique<EchoClient>(port);
  long call;
  do {
    EXPECT_TRUE(FinishSystemCall(pid));
    call = NextSystemCall(pid);
  } while (call >= 0 && call != SYS_select && call != SYS_pselect6);
  EXPECT_GE(call, 0);
  server->Signal(SIGTERM);
  EXPECT_EQ(ptrace(PTRACE_DETACH, pid, nullptr, nullptr), 0);
  return "";
}
#else
std::string SignalBetweenTestAndWait(Process*, std::unique_ptr<EchoClient>*) {
  return "it looks for the instructions of x86-64";
}
#endif

TEST(PselectRaceInProgramsTest, TheModelEndsThoughItHasTestedItsFlag) {
  Process server({"examples/models/pselect_loop", "--port", "0"});
  std::unique_ptr<EchoClient> client;
  const std::string why_not = SignalBetweenTestAndWait(&server, &client);
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  EXPECT_EQ(server.Wait(), 0);
}

TEST(PselectRaceInProgramsTest, OneWithSelectAndAFlagSleepsForEver) {
  Process server({"tests/models/select_with_flag", "--port", "0"});
  std::unique_ptr<EchoClient> client;
  const std::string why_not = SignalBetweenTestAndWait(&server, &client);
  if (!why_not.empty()) GTEST_SKIP() << why_not;
  EXPECT_EQ(server.out().Next(), "told");  // the flag is set
  // And it sleeps, with no limit, and no signal to come that would wake it.
  EXPECT_TRUE(Eventually([&] { return AllSleep({server.pid()}); }));
  EXPECT_EQ(waitpid(server.pid(), nullptr, WNOHANG), 0);
  server.Signal(SIGTERM);
  EXPECT_EQ(server.Wait(), 0);
}

}  // namespace
}  // namespace evoke::testing
