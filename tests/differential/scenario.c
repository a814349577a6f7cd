// SPDX-License-Identifier: BSD-3-Clause
//
// The frame around a scenario: its registration, the record, the backend under
// test and the command line.
//
//   --list                 one line each: name, kind, per-backend, promise, why
//   --run NAME --method M  runs one and writes its record to stdout
//   --fail-allocation N    with --run: the N-th allocation of the library fails
//   --fail-each            with --run: runs it once for each allocation, which
//                          fails; see allocation_failures.c
//
// Exit status: 0 after the last line `end`, kExit* below otherwise.
#define _GNU_SOURCE
#include "tests/differential/scenario.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/scenario_internal.h"

static struct scenario *g_scenarios;
static struct scenario_note *g_notes;
static const char *g_method = "";
static int g_log_detail = 1;
static bool g_muted;

// --- Registration ----------------------------------------------------------

// Keeps the list in the order of names, so that --list does not depend on the
// order of linking.
void scenario_register(struct scenario *entry) {
  struct scenario **at = &g_scenarios;
  while (*at && strcmp((*at)->name, entry->name) < 0) at = &(*at)->next;
  if (*at && strcmp((*at)->name, entry->name) == 0)
    die("two scenarios are named %s", entry->name);
  entry->next = *at;
  *at = entry;
}

void scenario_annotate(struct scenario_note *note) {
  note->next = g_notes;
  g_notes = note;
}

static const struct scenario *find(const char *name) {
  for (const struct scenario *s = g_scenarios; s; s = s->next)
    if (strcmp(s->name, name) == 0) return s;
  return NULL;
}

static void list(void) {
  for (const struct scenario_note *n = g_notes; n; n = n->next)
    if (!find(n->name)) die("a note about %s, which does not exist", n->name);
  for (const struct scenario *s = g_scenarios; s; s = s->next) {
    const char *kind = "equal", *why = "", *per_backend = "all-backends";
    for (const struct scenario_note *n = g_notes; n; n = n->next) {
      if (strcmp(n->name, s->name) != 0) continue;
      if (strcmp(n->kind, "per-backend") == 0) {
        per_backend = n->kind;
      } else {
        if (strcmp(kind, "equal") != 0) die("two kinds for %s", s->name);
        kind = n->kind;
        why = n->why;
      }
    }
    printf("%s\t%s\t%s\t%s\t%s\n", s->name, kind, per_backend, s->promise, why);
  }
}

// --- The record ------------------------------------------------------------

void die(const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  fprintf(stderr, "scenario: ");
  vfprintf(stderr, fmt, args);
  fprintf(stderr, "\n");
  va_end(args);
  _exit(kExitBroken);
}

// Straight to the descriptor: nothing is lost in a crash, nor written twice
// after a fork.
void rec(const char *fmt, ...) {
  static int lines;
  if (g_muted) {
    // What turns for ever does so in the loop, which is to end then.
    if (++lines >= kRecordLinesMax) fail_all_waits();
    return;
  }
  char line[4096];
  va_list args;
  va_start(args, fmt);
  int len = vsnprintf(line, sizeof line - 1, fmt, args);
  va_end(args);
  if (len < 0 || len >= (int)sizeof line - 1) die("a line is too long");
  line[len++] = '\n';
  for (int done = 0; done < len;) {
    ssize_t n = write(STDOUT_FILENO, line + done, (size_t)(len - done));
    if (n < 0 && errno != EINTR) _exit(kExitBroken);
    if (n > 0) done += (int)n;
  }
  if (++lines >= kRecordLinesMax) _exit(kExitSpinning);
}

void rec_bytes(const char *label, const void *bytes, size_t len) {
  char out[3072];
  size_t n = 0;
  const unsigned char *in = bytes;
  for (size_t i = 0; i < len && n < sizeof out - 8; ++i) {
    if (in[i] >= 0x20 && in[i] < 0x7f && in[i] != '\\')
      out[n++] = (char)in[i];
    else
      n += (size_t)snprintf(out + n, 5, "\\x%02x", in[i]);
  }
  out[n] = 0;
  rec("%s (%zu) \"%s\"", label, len, out);
}

void mute_record(void) { g_muted = true; }

void rec_log(int how) { g_log_detail = how; }

static void on_log(int severity, const char *text) {
  static const char *const kNames[] = {"debug", "msg", "warn", "err"};
  int saved_errno = errno;
  const char *name =
      severity >= 0 && severity < 4 ? kNames[severity] : "severity?";
  fprintf(stderr, "[%s] %s\n", name, text);
  if (g_log_detail == 1) rec("log: %s", name);
  if (g_log_detail == 2) rec("log: %s %s", name, text);
  errno = saved_errno;
}

static void on_fatal(int err) {
  (void)err;
  rec("fatal");
  _exit(kExitFatal);
}

const char *ev_flags(int what) {
  static const struct {
    int flag;
    const char *name;
  } kFlags[] = {{EV_TIMEOUT, "TIMEOUT"},   {EV_READ, "READ"},
                {EV_WRITE, "WRITE"},       {EV_SIGNAL, "SIGNAL"},
                {EV_PERSIST, "PERSIST"},   {EV_ET, "ET"},
                {EV_FINALIZE, "FINALIZE"}, {EV_CLOSED, "CLOSED"}};
  static char buffers[4][96];
  static unsigned turn;
  char *out = buffers[turn++ % 4];
  size_t n = 0;
  out[0] = 0;
  for (size_t i = 0; i < sizeof kFlags / sizeof *kFlags; ++i) {
    if (!(what & kFlags[i].flag)) continue;
    n +=
        (size_t)snprintf(out + n, 96 - n, "%s%s", n ? "|" : "", kFlags[i].name);
    what &= ~kFlags[i].flag;
  }
  if (what) snprintf(out + n, 96 - n, "%s0x%x", n ? "|" : "", (unsigned)what);
  if (!out[0]) snprintf(out, 96, "0");
  return out;
}

const char *errno_name(int err) {
  if (err == 0) return "0";
  const char *name = strerrorname_np(err);
  return name ? name : "E?";
}

// --- Calls that may crash ----------------------------------------------------

enum { kAttemptLimitS = 2 };

int attempt(const char *call) {
  pid_t child = fork();
  if (child < 0) die("fork: %s", strerror(errno));
  if (child == 0) {
    rec("%s:", call);
    signal(SIGALRM, SIG_DFL);
    alarm(kAttemptLimitS);
    return 1;
  }
  int status;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
    rec("  hangs");
  else if (WIFEXITED(status) && WEXITSTATUS(status) == kExitFatal)
    rec("  is fatal");
  else if (status != 0)
    rec("  crashes");
  return 0;
}

void attempt_done(void) { _exit(0); }

// --- The backend under test ------------------------------------------------

// All that could be chosen. Not asked of the library: libevent keeps a block of
// memory for the answer.
static const char *const kMethods[] = {"io_uring", "epoll", "poll", "select",
                                       NULL};

const char *method(void) { return g_method; }

struct event_config *new_config(void) {
  struct event_config *config = event_config_new();
  if (!config) {
    if (allocations_may_fail()) return NULL;
    die("event_config_new");
  }
  for (const char *const *name = kMethods; *name; ++name)
    if (strcmp(*name, g_method) != 0) event_config_avoid_method(config, *name);
  return config;
}

struct event_base *new_base_with(struct event_config *config) {
  struct event_base *base = config ? event_base_new_with_config(config) : NULL;
  if (config) event_config_free(config);
  if (!base) {
    if (allocations_may_fail()) return NULL;
    die("no base on %s", g_method);
  }
  // With a changelist the name is "epoll (with changelist)".
  const char *got = event_base_get_method(base);
  size_t len = strlen(g_method);
  bool is_asked = strncmp(got, g_method, len) == 0 &&
                  (got[len] == 0 || strncmp(got + len, " (", 2) == 0);
  // Another may be left where avoiding it failed.
  if (!is_asked && !allocations_may_fail())
    die("asked for %s, got %s", g_method, event_base_get_method(base));
  return base;
}

struct event_base *new_base(void) {
  return new_base_with(new_config());
}

void select_method_by_environment(void) {
  for (const char *const *name = kMethods; *name; ++name) {
    char variable[64];
    size_t n = (size_t)snprintf(variable, sizeof variable, "EVENT_NO");
    for (const char *c = *name; *c && n < sizeof variable - 1; ++c)
      variable[n++] = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    variable[n] = 0;
    if (strcmp(*name, g_method) != 0)
      setenv(variable, "1", 1);
    else
      unsetenv(variable);
  }
}

// --- The command line ------------------------------------------------------

void run_scenario(const struct scenario *chosen) {
  // What the caller's environment or descriptors hold must not matter.
  for (int fd = 3; fd < 64; ++fd) close(fd);
  signal(SIGPIPE, SIG_IGN);
  event_set_log_callback(on_log);
  event_set_fatal_callback(on_fatal);
  chosen->body();
  rec("end");
}

int main(int argc, char **argv) {
  const char *name = NULL;
  bool fail_each = false;
  for (int i = 1; i < argc; ++i) {
    bool has_value = i + 1 < argc;
    if (strcmp(argv[i], "--list") == 0) {
      list();
      return 0;
    } else if (strcmp(argv[i], "--run") == 0 && has_value) {
      name = argv[++i];
    } else if (strcmp(argv[i], "--method") == 0 && has_value) {
      g_method = argv[++i];
    } else if (strcmp(argv[i], "--fail-allocation") == 0 && has_value) {
      fail_allocation(atol(argv[++i]), false);
    } else if (strcmp(argv[i], "--fail-each") == 0) {
      fail_each = true;
    } else {
      die("unknown argument %s", argv[i]);
    }
  }
  if (!name || !*g_method) die("--list, or --run NAME --method METHOD");
  const struct scenario *chosen = find(name);
  if (!chosen) die("there is no scenario %s", name);
  count_allocations();
  if (fail_each) return fail_each_allocation(chosen);
  run_scenario(chosen);
  return 0;
}
