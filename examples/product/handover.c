/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything else is close-on-exec, so the new process has these three
 * descriptors, at fixed numbers, and none of a client. A variable of the
 * environment says that they are there.
 *
 * posix_spawn() and not fork(): between a fork and the exec, the child would
 * have our signal handlers, and a signal that comes just then would be told
 * through the library's pipe to us.
 */
#include "examples/product/handover.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "examples/product/log.h"

enum { FIRST_FD = 3 };
enum { LISTENING, READY, SAVED, HANDED };
#define VARIABLE "CHAT_INHERITS"

static char program[PATH_MAX];
static char **arguments;

extern char **environ;

void handover_remember(char **argv) {
  ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
  program[length > 0 ? length : 0] = '\0';
  arguments = argv;
}

/* --- The old process ------------------------------------------------------ */

void handover_close(struct handover *handover) {
  if (handover->answer == NULL) return;
  if (handover->child > 0) kill(handover->child, SIGTERM);
  handover->child = 0;
  close(event_get_fd(handover->answer));
  event_free(handover->answer);
  handover->answer = NULL;
}

/* A byte: it is ready. The end without one: it is gone. */
static void on_answer(evutil_socket_t fd, short what, void *arg) {
  struct handover *handover = (struct handover *)arg;
  char byte;
  int ok = (what & EV_READ) && read(fd, &byte, 1) == 1;
  if (ok) handover->child = 0;
  handover_close(handover);
  handover->done(ok, handover->arg);
}

/* A file without a name, that holds what `save` writes; or -1. */
static int saved_file(void (*save)(FILE *to, const void *arg),
                      const void *arg) {
  int fd = memfd_create("chat", MFD_CLOEXEC);
  int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
  FILE *file = copy < 0 ? NULL : fdopen(copy, "w");
  int failed;
  if (file != NULL) {
    save(file, arg);
    failed = ferror(file);
    failed |= fclose(file) != 0;
    if (!failed && lseek(fd, 0, SEEK_SET) == 0) return fd;
  } else if (copy >= 0) {
    close(copy);
  }
  if (fd >= 0) close(fd);
  return -1;
}

/* Starts the program with handed[i] as its descriptor FIRST_FD + i. 0, or an
 * errno. */
static int spawn(const int handed[HANDED], pid_t *child) {
  posix_spawn_file_actions_t actions;
  int high[HANDED];
  int i, error;
  error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return error;
  for (i = 0; i < HANDED; ++i) {
    /* Out of the way of the numbers that they are to get. */
    high[i] = fcntl(handed[i], F_DUPFD_CLOEXEC, FIRST_FD + HANDED);
    if (high[i] < 0) error = errno;
    if (error == 0) {
      error = posix_spawn_file_actions_adddup2(&actions, high[i], FIRST_FD + i);
    }
  }
  log_info("starting another process, to take over");
  if (error == 0 && setenv(VARIABLE, "1", 1) < 0) error = errno;
  if (error == 0) {
    error = posix_spawn(child, program, &actions, NULL, arguments, environ);
  }
  unsetenv(VARIABLE);
  if (error == 0) log_detail("started process %ld", (long)*child);
  for (i = 0; i < HANDED; ++i) {
    if (high[i] >= 0) close(high[i]);
  }
  posix_spawn_file_actions_destroy(&actions);
  return error;
}

/* The answer will come on `reader`, which is taken if this succeeds. */
static int start(struct handover *handover, struct event_base *base, int reader,
                 const int handed[HANDED]) {
  const struct timeval patience = {10, 0};
  int error = ENOMEM;
  handover->answer = event_new(base, reader, EV_READ, on_answer, handover);
  if (handover->answer != NULL && event_add(handover->answer, &patience) == 0) {
    error = spawn(handed, &handover->child);
  }
  if (error == 0) return 0;
  if (handover->answer != NULL) event_free(handover->answer);
  handover->answer = NULL;
  handover->child = 0;
  errno = error;
  return -1;
}

int handover_start(struct handover *handover, struct event_base *base,
                   evutil_socket_t listening,
                   void (*save)(FILE *to, const void *arg),
                   const void *save_arg) {
  int handed[HANDED], answer[2];
  int result = -1;
  if (pipe2(answer, O_CLOEXEC) < 0) {
    log_errno("cannot restart");
    return -1;
  }
  handed[LISTENING] = listening;
  handed[READY] = answer[1];
  handed[SAVED] = saved_file(save, save_arg);
  if (handed[SAVED] >= 0) result = start(handover, base, answer[0], handed);
  if (result < 0) {
    log_errno("cannot restart");
    close(answer[0]);
  }
  if (handed[SAVED] >= 0) close(handed[SAVED]);
  close(answer[1]);
  return result;
}

/* --- The new process ------------------------------------------------------ */

void handover_inherit(struct inheritance *inheritance) {
  int i;
  memset(inheritance, 0, sizeof(*inheritance));
  inheritance->listening = inheritance->ready_fd = -1;
  if (getenv(VARIABLE) == NULL) return;
  unsetenv(VARIABLE);
  for (i = 0; i < HANDED; ++i) {
    if (fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC) < 0) return;
  }
  inheritance->listening = FIRST_FD + LISTENING;
  inheritance->ready_fd = FIRST_FD + READY;
  inheritance->saved = fdopen(FIRST_FD + SAVED, "r");
}

void handover_ready(struct inheritance *inheritance) {
  if (inheritance->ready_fd < 0) return;
  if (write(inheritance->ready_fd, "", 1) < 0) log_errno("nobody waits for us");
  close(inheritance->ready_fd);
  inheritance->ready_fd = -1;
}
