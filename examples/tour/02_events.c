/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An event's life: made, added, active, run, deleted, freed.
 *
 *   02_events [--method epoll|poll|select]
 *
 * An event says what to wait for and what to call. It exists (assigned), then
 * waits (added, pending), then is in the queue of what will run (active), and
 * waits again if it is persistent. This program follows events on that way,
 * asks them what they are, and gets rid of them in each of the ways there are.
 */
#include <event2/event_struct.h>
#include <unistd.h>

#include "examples/tour/tour.h"

static void on_event(evutil_socket_t fd, short what, void *name) {
  char byte;
  if ((what & EV_READ) && read(fd, &byte, 1) < 0) printf("  nothing to read\n");
  printf("  callback of %s: %s\n", (const char *)name, flags_of(what));
}

static void write_byte(evutil_socket_t fd) {
  if (write(fd, "!", 1) != 1) printf("cannot write\n");
}

static int pending(const struct event *event) {
  return event_pending(event, EV_READ | EV_WRITE | EV_SIGNAL | EV_TIMEOUT,
                       NULL);
}

/* --- What is it? -----------------------------------------------------------
 */

static void ask(struct event_base *base, evutil_socket_t fd) {
  char name[] = "asked";
  struct event *event =
      must(event_new(base, fd, EV_READ | EV_PERSIST, on_event, name), "event");
  struct event_base *its_base = NULL;
  evutil_socket_t its_fd = -1;
  short its_flags = 0;
  event_callback_fn its_callback = NULL;
  void *its_argument = NULL;
  section("what is it?");
  printf("fd %s, base %s, callback %s, argument %s\n",
         event_get_fd(event) == fd ? "right" : "wrong",
         event_get_base(event) == base ? "right" : "wrong",
         event_get_callback(event) == on_event ? "right" : "wrong",
         event_get_callback_arg(event) == name ? "right" : "wrong");
  printf("it waits for %s\n", flags_of(event_get_events(event)));
  event_get_assignment(event, &its_base, &its_fd, &its_flags, &its_callback,
                       &its_argument);
  printf("all at once: %d %d %s %d %d\n", its_base == base, its_fd == fd,
         flags_of(its_flags), its_callback == on_event, its_argument == name);
  printf("priority: %d", event_get_priority(event));
  event_priority_set(event, 0);
  printf(", then %d; %d for one that the base has not\n",
         event_get_priority(event), event_priority_set(event, 99));
  event_free(event);
}

/* An event in memory of one's own: in a structure, say. */
static void in_place(struct event_base *base, const char *method) {
  struct event_base *other = tour_base(method);
  struct event event;
  section("in memory of one's own");
  memset(&event, 0, sizeof(event));
  printf("its size is the header's: %d\n",
         event_get_struct_event_size() == sizeof(event));
  printf("initialised: %d", event_initialized(&event));
  event_assign(&event, base, -1, 0, on_event, "the assigned");
  printf(", then %d\n", event_initialized(&event));
  printf("moved to another base: %d\n", event_base_set(other, &event));
  event_active(&event, EV_READ, 0);
  printf("the one has %d active, the other %d\n",
         event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE),
         event_base_get_num_events(other, EVENT_BASE_COUNT_ACTIVE));
  event_del(&event);
  printf("after event_del the other has %d\n",
         event_base_get_num_events(other, EVENT_BASE_COUNT_ACTIVE));
  event_base_free(other);
}

/* --- Waiting ---------------------------------------------------------------
 */

static void wait_for(struct event_base *base, evutil_socket_t pair[2]) {
  const struct timeval long_time = {1000, 0};
  struct timeval due = {0, 0}, now;
  struct event *once =
      must(event_new(base, pair[0], EV_READ, on_event, "an event"), "event");
  struct event *always = must(event_new(base, pair[0], EV_READ | EV_PERSIST,
                                        on_event, "a persistent event"),
                              "event");
  section("waiting");
  printf("not yet: %s\n", flags_of(pending(once)));
  event_add(once, &long_time);
  printf("added: %s\n", flags_of(pending(once)));
  event_pending(once, EV_TIMEOUT, &due);
  evutil_gettimeofday(&now, NULL);
  printf("due between 900 and 1100 seconds from now: %d\n",
         due.tv_sec - now.tv_sec > 900 && due.tv_sec - now.tv_sec < 1100);
  event_remove_timer(once);
  printf("without its timeout: %s\n", flags_of(pending(once)));
  write_byte(pair[1]);
  event_base_loop(base, EVLOOP_ONCE);
  printf("has run: %s\n", flags_of(pending(once)));

  event_add(always, NULL);
  write_byte(pair[1]);
  event_base_loop(base, EVLOOP_ONCE);
  printf("the persistent one has run: %s\n", flags_of(pending(always)));
  event_del(always);
  printf("deleted: %s\n", flags_of(pending(always)));
  event_free(once);
  event_free(always);

  write_byte(pair[1]);
  event_base_once(base, pair[0], EV_READ, on_event, "nobody's event", NULL);
  event_base_dispatch(base);
}

/* --- Without the kernel ----------------------------------------------------
 */

static void on_self(evutil_socket_t fd, short what, void *arg) {
  struct event *self = arg;
  printf("  callback of an event that is its own argument: %s\n",
         flags_of(event_get_events(self)));
  (void)fd;
  (void)what;
}

static void by_hand(struct event_base *base, evutil_socket_t pair[2]) {
  struct event *manual =
      must(event_new(base, -1, 0, on_event, "an activated event"), "event");
  struct event *reader =
      must(event_new(base, pair[0], EV_WRITE, on_event, "whoever has this fd"),
           "event");
  struct event *self = must(
      event_new(base, -1, EV_PERSIST, on_self, event_self_cbarg()), "event");
  section("without the kernel");
  event_active(manual, EV_TIMEOUT | EV_WRITE, 0);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_add(reader, NULL);
  event_base_active_by_fd(base, pair[0], EV_WRITE);
  printf("active: %d\n",
         event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  event_base_dispatch(base);
  event_active(self, EV_TIMEOUT, 0);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_free(manual);
  event_free(reader);
  event_free(self);
}

/* --- Getting rid of it -----------------------------------------------------
 */

/* From here on nobody uses the event, nor what its callback used. */
static void on_final(struct event *event, void *name) {
  printf("  finaliser of %s\n", (const char *)name);
  (void)event;
}

static void get_rid(struct event_base *base, const char *method) {
  struct event_base *kind = tour_base(method), *hasty = tour_base(method);
  struct event *events[3];
  struct event first, second, third;
  int i;
  section("getting rid of it");
  for (i = 0; i < 3; ++i) {
    events[i] = must(event_new(base, -1, 0, on_event, "one deleted"), "event");
    event_active(events[i], EV_TIMEOUT, 0);
  }
  /* With threads: whether to wait for a callback that runs in another. */
  event_del_block(events[0]);
  event_del_noblock(events[1]);
  printf("active: %d\n",
         event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  event_free(events[0]);
  event_free(events[1]);
  /* The loop calls back when the event is certainly in no one's hands. */
  event_free_finalize(0, events[2], on_final);
  event_assign(&first, base, -1, 0, on_event, "the first in place");
  event_finalize(0, &first, on_final);
  printf("both are still there\n");
  event_base_loop(base, EVLOOP_NONBLOCK);
  /* A base that is freed runs the finalisers that still wait, or does not. */
  event_assign(&second, kind, -1, 0, on_event, "the second");
  event_assign(&third, hasty, -1, 0, on_event, "the third");
  event_finalize(0, &second, on_final);
  event_finalize(0, &third, on_final);
  event_base_free(kind);
  event_base_free_nofinalize(hasty);
}

int main(int argc, char **argv) {
  const char *method = tour_begin(argc, argv);
  struct event_base *base = tour_base(method);
  evutil_socket_t pair[2];
  connected_pair(pair);
  event_base_priority_init(base, 3);
  ask(base, pair[0]);
  in_place(base, method);
  wait_for(base, pair);
  by_hand(base, pair);
  get_rid(base, method);
  close_pair(pair);
  event_base_free(base);
  return tour_end();
}
