/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory, logs, and what happens when a program is wrong.
 *
 *   15_memory_and_logs [--method epoll|poll|select]
 *
 * The library takes its memory from where it is told to, and says what goes
 * wrong through one callback. Errors that it cannot go on from are fatal:
 * another callback, which must not return. Debug mode notices what is none of
 * the library's fault, such as an event that was never assigned. All of this is
 * set before anything else is called, so each section here has a child of its
 * own.
 */
#include <event2/buffer.h>
#include <event2/event_struct.h>
#include <sys/wait.h>
#include <unistd.h>

#include "examples/tour/tour.h"

/* Runs `play` in a child, and tells how that ended. */
static void in_child(const char *title, void (*play)(const char *),
                     const char *method) {
  int status = 0;
  pid_t child;
  section(title);
  fflush(stdout);
  child = fork();
  if (child == 0) {
    play(method);
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, &status, 0);
  if (status != 0) {
    printf("it ended with %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
  }
}

static void on_event(evutil_socket_t fd, short what, void *arg) {
  (void)fd;
  (void)what;
  (void)arg;
}

/* --- Memory ----------------------------------------------------------------
 */

static int blocks_left; /* until there is no memory any more */

static void *scarce_malloc(size_t size) {
  return blocks_left-- > 0 ? malloc(size) : NULL;
}

static void *scarce_realloc(void *block, size_t size) {
  return blocks_left-- > 0 ? realloc(block, size) : NULL;
}

/* Every call that needs memory can fail, and then changes nothing. */
static void memory(const char *method) {
  struct evbuffer *buffer;
  event_set_mem_functions(scarce_malloc, scarce_realloc, free);
  printf("without memory: %s\n",
         evbuffer_new() == NULL ? "no buffer" : "a buffer");
  blocks_left = 1;
  buffer = must(evbuffer_new(), "buffer");
  printf("a buffer, but no bytes: %d, length %d\n",
         evbuffer_add(buffer, "bytes", 5), (int)evbuffer_get_length(buffer));
  blocks_left = 10;
  printf("with memory: %d, length %d\n", evbuffer_add(buffer, "bytes", 5),
         (int)evbuffer_get_length(buffer));
  evbuffer_free(buffer);
  (void)method;
}

/* --- Logs ------------------------------------------------------------------
 */

static void on_log(int severity, const char *message) {
  printf("  logged: %s, some words: %d\n",
         severity == EVENT_LOG_WARN  ? "a warning"
         : severity == EVENT_LOG_ERR ? "an error"
                                     : "a message",
         strlen(message) > 10);
}

static void logs(const char *method) {
  struct event_config *config = must(event_config_new(), "config");
  event_set_log_callback(on_log);
  event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_FDS);
  printf("a base that cannot be: %d\n",
         event_base_new_with_config(config) == NULL);
  event_config_free(config);
  (void)method;
}

/* --- Faults ----------------------------------------------------------------
 */

static void on_fatal(int error) {
  printf("  fatal; the program's own end\n");
  fflush(stdout);
  _exit(3);
  (void)error;
}

static void never_assigned(const char *method) {
  struct event event;
  memset(&event, 0, sizeof(event));
  event_set_fatal_callback(on_fatal);
  event_enable_debug_mode();
  tour_base(method);
  printf("adding what was never assigned: %d\n", event_add(&event, NULL));
}

static void assigned_twice(const char *method) {
  struct event_base *base;
  struct event event;
  event_set_fatal_callback(on_fatal);
  event_enable_debug_mode();
  base = tour_base(method);
  event_assign(&event, base, -1, EV_PERSIST, on_event, NULL);
  event_add(&event, NULL);
  event_del(&event);
  printf("the memory is for something else now\n");
  event_debug_unassign(&event);
  printf("adding what was there\n");
  event_add(&event, NULL);
}

/* --- Which library? --------------------------------------------------------
 */

static void version(void) {
  struct event_config *config = must(event_config_new(), "config");
  section("which library?");
  printf("of the headers' version: %d, %d\n",
         event_get_version_number() == LIBEVENT_VERSION_NUMBER,
         strcmp(event_get_version(), LIBEVENT_VERSION) == 0);
  printf("at least 2.1: %d\n", event_get_version_number() >= 0x02010000);
  /* Means something on Windows alone. */
  printf("two processors: %d\n", event_config_set_num_cpus_hint(config, 2));
  event_config_free(config);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  in_child("memory", memory, method);
  in_child("logs", logs, method);
  in_child("an event that is none", never_assigned, method);
  in_child("an event that is none any more", assigned_twice, method);
  version();
  return tour_end();
}
