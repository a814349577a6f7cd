/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A restart that no client notices: the old process starts the program anew and
 * hands it the listening socket, so that the kernel never has nobody to give a
 * connection to.
 *
 *     old process                        new process
 *     -----------                        -----------
 *     handover_start()  --- exec ----->  handover_inherit()
 *     goes on serving                    loads what was saved, listens
 *     closes its listener, <- "ready" -  handover_ready()
 *       drains its clients               serves
 *
 * If the new one fails before it is ready, the old one goes on as if nothing
 * had been. The program is looked up by its path, so a new version of it may
 * lie there by then.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_HANDOVER_H_
#define EVOKE_EXAMPLES_PRODUCT_HANDOVER_H_

#include <event2/util.h>
#include <stdio.h>
#include <sys/types.h>

struct event;
struct event_base;

struct handover {
  struct event *answer; /* NULL: none is under way */
  pid_t child;          /* the new process, as long as it may fail */
  /* The new process serves; or, with `ok` false, there is none. */
  void (*done)(int ok, void *arg);
  void *arg;
};

/* At the very start of the program: remembers its path and its arguments. */
void handover_remember(char **argv);

/* Starts the new process, which gets `listening` and whatever `save` writes.
 * done() will be called by the loop; done and arg are set before. 0, or -1,
 * after saying why. REQUIRES: none is under way. */
int handover_start(struct handover *handover, struct event_base *base,
                   evutil_socket_t listening,
                   void (*save)(FILE *to, const void *arg),
                   const void *save_arg);

/* Ends one that is under way, and its process. */
void handover_close(struct handover *handover);

/* In the new process: what it was handed. */
struct inheritance {
  evutil_socket_t listening; /* -1: nothing, this is a start like any other */
  FILE *saved;               /* the reader's to close; NULL: nothing */
  int ready_fd;
};
void handover_inherit(struct inheritance *inheritance);
/* The new process serves. No effect where nothing was inherited. */
void handover_ready(struct inheritance *inheritance);

#endif /* EVOKE_EXAMPLES_PRODUCT_HANDOVER_H_ */
