/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/filter.h"

#include <string.h>

int filter_find(const char *name, const struct filter **filter) {
  static const struct filter *const known[] = {&filter_rot13, &filter_record};
  size_t i;
  *filter = NULL;
  if (strcmp(name, "none") == 0) return 0;
  for (i = 0; i < sizeof(known) / sizeof(known[0]); ++i) {
    if (strcmp(name, known[i]->name) == 0) *filter = known[i];
  }
  return *filter != NULL ? 0 : -1;
}

enum bufferevent_filter_result filter_fail(const struct filter_memory *memory) {
  bufferevent_trigger_event(memory->top, BEV_EVENT_READING | BEV_EVENT_ERROR,
                            BEV_OPT_DEFER_CALLBACKS);
  return BEV_ERROR;
}
