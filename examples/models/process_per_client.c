// SPDX-License-Identifier: BSD-3-Clause
//
// One process for each client.
//
// Idea: accept(2) in a loop; each connection gets a child made by fork(2),
// which serves it until it ends, and then exits. The child has its own memory,
// so whatever goes wrong in it is the affair of one client. The parent must
// bury its dead: each child that ends sends SIGCHLD and stays a zombie until
// waited for. Right when: clients are few and stay long, or must not share
// anything: other users' rights, code that crashes. Breaks when: there are
// thousands, or they come and go: each connection costs a fork, page tables and
// a place in the process table, and each message a context switch, since its
// process sleeps until it comes. What clients share must be put into shared
// memory, as the counters here are. Who: sshd, PostgreSQL; the first web
// servers, inetd.
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "model.h"

static struct model_options options;
static struct model_stats *stats;  // shared with the children
static pid_t *children;
static size_t children_count, children_room;
static volatile sig_atomic_t ended;

static void on_term(int signal) { ended = signal; }
static void on_child(int signal) { (void)signal; }  // only to interrupt ppoll

static void serve(int fd, const sigset_t *usual, pid_t parent) {
  // Without a parent there is nobody to end it.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(0);
  signal(SIGTERM, SIG_DFL);
  signal(SIGCHLD, SIG_DFL);
  sigprocmask(SIG_SETMASK, usual, NULL);
  while (model_serve(fd, &options, stats) == 0) {
  }
  _exit(0);  // not exit: what stdio holds is the parent's
}

// A client that gets no process is refused: it sees its connection closed.
static void start_process(int listener, int fd, const sigset_t *usual) {
  if (children_count == children_room) {
    size_t room = children_room * 2 + 64;
    pid_t *more = realloc(children, room * sizeof(*more));
    if (more == NULL) return;
    children = more;
    children_room = room;
  }
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    close(listener);
    serve(fd, usual, parent);
  }
  if (pid > 0) children[children_count++] = pid;
}

// One SIGCHLD may stand for many children that have ended.
static void bury(int flags) {
  pid_t pid;
  while ((pid = waitpid(-1, NULL, flags)) > 0) {
    for (size_t i = 0; i < children_count; ++i) {
      if (children[i] == pid) children[i] = children[--children_count];
    }
  }
}

int main(int argc, char **argv) {
  struct sigaction term = {.sa_handler = on_term};
  struct sigaction child = {.sa_handler = on_child};
  sigset_t blocked, usual;
  options = model_parse(argc, argv);
  stats = mmap(NULL, sizeof(*stats), PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (stats == MAP_FAILED) model_die("mmap");
  // Signals come in while ppoll waits and nowhere else.
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGCHLD);
  sigprocmask(SIG_BLOCK, &blocked, &usual);
  sigaction(SIGTERM, &term, NULL);
  sigaction(SIGCHLD, &child, NULL);
  int listener = model_listen(options.port, SOCK_NONBLOCK);
  while (!ended) {
    struct pollfd ready = {listener, POLLIN, 0};
    bury(WNOHANG);
    if (ppoll(&ready, 1, NULL, &usual) <= 0) continue;
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) usleep(10000);
      continue;
    }
    __atomic_fetch_add(&stats->connections, 1, __ATOMIC_RELAXED);
    start_process(listener, fd, &usual);
    close(fd);  // the child has it
  }
  close(listener);
  for (size_t i = 0; i < children_count; ++i) kill(children[i], SIGTERM);
  bury(0);
  model_end(&options, stats);
  return 0;
}
