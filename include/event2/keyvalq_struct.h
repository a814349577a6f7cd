/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue of pairs of strings, as HTTP headers and queries are.
 *
 * Both structures have the field names of sys/queue.h's TAILQ macros, so that
 * TAILQ_FOREACH(pair, queue, next) and the like work on them.
 */
#ifndef EVENT2_KEYVALQ_STRUCT_H_INCLUDED_
#define EVENT2_KEYVALQ_STRUCT_H_INCLUDED_

#ifdef __cplusplus
extern "C" {
#endif

/* One pair.  The strings end with NUL and belong to the queue. */
struct evkeyval {
  /* Neighbours in the queue. */
  struct {
    struct evkeyval *tqe_next;
    struct evkeyval **tqe_prev;
  } next;
  /* The two strings. */
  char *key;
  char *value;
};

/* The queue's head; pairs are in the order in which they were added. */
struct evkeyvalq {
  /* The first pair, and where a further one is to be linked. */
  struct evkeyval *tqh_first;
  struct evkeyval **tqh_last;
};

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_KEYVALQ_STRUCT_H_INCLUDED_ */
