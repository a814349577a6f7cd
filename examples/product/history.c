/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/history.h"

#include <stdlib.h>
#include <string.h>

static char **slot(const struct history *history, size_t number) {
  return &history->lines[(history->first + number) % history->capacity];
}

int history_open(struct history *history, size_t capacity) {
  memset(history, 0, sizeof(*history));
  if (capacity == 0) return 0;
  history->lines = (char **)calloc(capacity, sizeof(char *));
  if (history->lines == NULL) return -1;
  history->capacity = capacity;
  return 0;
}

void history_close(struct history *history) {
  size_t i;
  for (i = 0; i < history->count; ++i) free(*slot(history, i));
  free(history->lines);
  memset(history, 0, sizeof(*history));
}

void history_add(struct history *history, const char *line) {
  char *copy = history->capacity == 0 ? NULL : strdup(line);
  if (copy == NULL) return;
  if (history->count == history->capacity) {
    free(*slot(history, 0));
    history->first = (history->first + 1) % history->capacity;
    --history->count;
  }
  *slot(history, history->count++) = copy;
}

const char *history_line(const struct history *history, size_t number) {
  return *slot(history, number);
}
