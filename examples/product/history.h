/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The last lines of a room, for those who come later: a ring that keeps a given
 * number and forgets the oldest. Lines are bounded (text.h), so memory is too.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_HISTORY_H_
#define EVOKE_EXAMPLES_PRODUCT_HISTORY_H_

#include <stddef.h>

struct history {
  char **lines;
  size_t capacity; /* 0: keeps nothing */
  size_t first;    /* the oldest, where count is not 0 */
  size_t count;
};

/* 0, or -1 when memory is short. */
int history_open(struct history *history, size_t capacity);
void history_close(struct history *history);

/* Keeps a copy; drops the line silently when memory is short. */
void history_add(struct history *history, const char *line);

/* The oldest is number 0. REQUIRES: `number` is below the count. */
const char *history_line(const struct history *history, size_t number);

#endif /* EVOKE_EXAMPLES_PRODUCT_HISTORY_H_ */
