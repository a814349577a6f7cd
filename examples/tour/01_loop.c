/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The loop: choosing a backend, turning, and stopping.
 *
 *   01_loop [--method epoll|poll|select]
 *
 * A base is one loop: it waits for the kernel, runs the callbacks of what
 * happened, the important ones first, and waits again, until nothing is left to
 * wait for or somebody stops it. This program makes bases by description, then
 * turns one of them in all the ways there are.
 */
#include <unistd.h>

#include "examples/tour/tour.h"

/* --- Which backend? --------------------------------------------------------
 */

/* Makes a base that has `features` and not the backend `avoided`. */
static void describe(const char *wish, int features, const char *avoided,
                     int flags) {
  struct event_config *config = must(event_config_new(), "config");
  struct event_base *base;
  event_config_require_features(config, features);
  if (avoided != NULL) event_config_avoid_method(config, avoided);
  if (flags != 0) event_config_set_flag(config, flags);
  base = event_base_new_with_config(config);
  event_config_free(config); /* the base has what it needs of it */
  if (base == NULL) {
    printf("%s: none\n", wish);
    return;
  }
  printf(
      "%s: %s, which has%s%s%s\n", wish, event_base_get_method(base),
      event_base_get_features(base) & EV_FEATURE_ET ? " edges" : "",
      event_base_get_features(base) & EV_FEATURE_FDS ? " files" : "",
      event_base_get_features(base) & EV_FEATURE_EARLY_CLOSE ? " closed" : "");
  event_base_free(base);
}

static void choose(void) {
  const char **known = event_get_supported_methods();
  struct event_base *base;
  section("which backend?");
  for (; *known != NULL; ++known) printf("there is %s\n", *known);
  base = must(event_base_new(), "base");
  printf("without a wish: %s\n", event_base_get_method(base));
  event_base_free(base);
  describe("not epoll", 0, "epoll", 0);
  describe("edges", EV_FEATURE_ET, NULL, 0);
  describe("regular files", EV_FEATURE_FDS, NULL, 0);
  describe("both", EV_FEATURE_ET | EV_FEATURE_FDS, NULL, 0);
  /* Users may take a backend away, unless the program forbids it. */
  setenv("EVENT_NOEPOLL", "1", 1);
  describe("with EVENT_NOEPOLL=1", 0, NULL, 0);
  describe("whatever the environment", 0, NULL, EVENT_BASE_FLAG_IGNORE_ENV);
  unsetenv("EVENT_NOEPOLL");
}

/* --- Turning ---------------------------------------------------------------
 */

static void say(evutil_socket_t fd, short what, void *word) {
  (void)fd;
  printf("  callback: %s, %s\n", (const char *)word, flags_of(what));
}

static void turn(struct event_base *base) {
  const struct timeval now = {0, 0}, never = {1000, 0};
  struct event *far = must(event_new(base, -1, 0, say, "far"), "event");
  section("turning");
  printf("nothing to wait for: %d\n", event_base_loop(base, 0));
  event_base_once(base, -1, EV_TIMEOUT, say, "once", &now);
  printf("until all is done: %d\n", event_base_dispatch(base));

  event_add(far, &never);
  printf("not waiting: %d\n", event_base_loop(base, EVLOOP_NONBLOCK));
  event_base_once(base, -1, EV_TIMEOUT, say, "first", &now);
  printf("until something came: %d\n", event_base_loop(base, EVLOOP_ONCE));
  event_free(far);

  /* An empty loop that another thread or a signal is to fill. */
  event_base_loopexit(base, &now);
  printf("not ending when empty: %d\n",
         event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY));
  printf("it was told to exit: %d\n", event_base_got_exit(base));
}

/* --- Stopping --------------------------------------------------------------
 */

struct stop {
  struct event_base *base;
  struct event *event;
};

static void exit_after_this_turn(evutil_socket_t fd, short what, void *arg) {
  struct stop *stop = arg;
  printf("  callback: exit; %s runs\n",
         event_base_get_running_event(stop->base) == stop->event ? "this"
                                                                 : "another");
  event_base_loopexit(stop->base, NULL);
  (void)fd;
  (void)what;
}

static void break_at_once(evutil_socket_t fd, short what, void *base) {
  printf("  callback: break\n");
  event_base_loopbreak(base);
  (void)fd;
  (void)what;
}

static void stop(struct event_base *base) {
  struct stop exiting = {base, NULL};
  struct event *next = must(event_new(base, -1, 0, say, "the next"), "event");
  struct event *breaking =
      must(event_new(base, -1, 0, break_at_once, base), "event");
  exiting.event =
      must(event_new(base, -1, 0, exit_after_this_turn, &exiting), "event");
  section("stopping");
  event_active(exiting.event, EV_TIMEOUT, 0);
  event_active(next, EV_TIMEOUT, 0);
  event_base_dispatch(base);
  printf("exit %d, break %d\n", event_base_got_exit(base),
         event_base_got_break(base));
  event_active(breaking, EV_TIMEOUT, 0);
  event_active(next, EV_TIMEOUT, 0);
  event_base_dispatch(base);
  printf("exit %d, break %d, %d still active\n", event_base_got_exit(base),
         event_base_got_break(base),
         event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  event_free(next);
  event_free(breaking);
  event_free(exiting.event);
}

/* --- Who is first? ---------------------------------------------------------
 */

struct rush {
  struct event_base *base;
  evutil_socket_t pair[2];
  int go_on; /* ask for a new turn */
};

/* Makes the urgent event ready, while others of its own priority still wait. */
static void make_urgent(evutil_socket_t fd, short what, void *arg) {
  struct rush *rush = arg;
  printf("  callback: makes work\n");
  if (write(rush->pair[1], "!", 1) != 1) printf("cannot write\n");
  if (rush->go_on) event_base_loopcontinue(rush->base);
  (void)fd;
  (void)what;
}

static void on_urgent(evutil_socket_t fd, short what, void *arg) {
  char byte;
  if (read(fd, &byte, 1) == 1) printf("  callback: urgent\n");
  (void)what;
  (void)arg;
}

/* Two callbacks of low priority; the first makes an urgent one ready. */
static void rush(const char *how, struct event_base *base, int go_on) {
  struct rush rush = {base, {-1, -1}, go_on};
  struct event *urgent, *first, *second;
  connected_pair(rush.pair);
  event_base_priority_init(base, 3);
  urgent =
      must(event_new(base, rush.pair[0], EV_READ | EV_PERSIST, on_urgent, NULL),
           "event");
  first = must(event_new(base, -1, 0, make_urgent, &rush), "event");
  second = must(event_new(base, -1, 0, say, "second"), "event");
  event_priority_set(urgent, 0);
  event_priority_set(first, 1);
  event_priority_set(second, 1);
  printf("%s, %d priorities\n", how, event_base_get_npriorities(base));
  event_add(urgent, NULL);
  event_active(first, EV_TIMEOUT, 0);
  event_active(second, EV_TIMEOUT, 0);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_free(urgent);
  event_free(first);
  event_free(second);
  close_pair(rush.pair);
}

static void urgency(const char *method) {
  struct event_config *config = must(event_config_new(), "config");
  struct event_base *base = tour_base(method);
  section("who is first?");
  rush("all that is active, then the kernel again", base, 0);
  rush("a callback asks for a new turn", base, 1);
  event_base_free(base);
  /* Look after each callback whose priority is 1 or less urgent. */
  event_config_set_max_dispatch_interval(config, NULL, 1, 1);
  base = must(event_base_new_with_config(config), "base");
  rush("the base looks after each callback", base, 0);
  event_base_free(base);
  event_config_free(config);
}

/* --- Looking inside --------------------------------------------------------
 */

static int print_event(const struct event_base *base, const struct event *event,
                       void *count) {
  (void)base;
  printf("  event: %s\n", flags_of(event_get_events(event)));
  return ++*(int *)count == 2; /* not 0 ends the walk */
}

static void look(struct event_base *base) {
  evutil_socket_t pair[2];
  struct event *events[3];
  char *text = NULL, *line;
  size_t length = 0;
  FILE *file = must(open_memstream(&text, &length), "file");
  int i, count = 0;
  section("looking inside");
  connected_pair(pair);
  for (i = 0; i < 3; ++i) {
    events[i] = must(
        event_new(base, pair[0], EV_READ | EV_PERSIST, say, "unused"), "event");
    event_add(events[i], NULL);
  }
  printf("added: %d\n",
         event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  event_base_foreach_event(base, print_event, &count);
  event_base_dump_events(base, file);
  fclose(file);
  for (line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
    char *flags = strchr(line, ']'); /* before it: a pointer and the fd */
    if (flags != NULL) printf("  dump:%s\n", flags + 1);
  }
  free(text);
  for (i = 0; i < 3; ++i) event_free(events[i]);
  printf("added: %d, and at most %d\n",
         event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED),
         event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 1));
  printf("and now at most %d\n",
         event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0));
  close_pair(pair);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base;
  choose();
  base = tour_base(method);
  turn(base);
  stop(base);
  urgency(method);
  event_base_free(base);
  base = tour_base(method);
  look(base);
  event_base_free(base);
  return tour_end();
}
