/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/limits.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>

#include "examples/product/settings.h"

/* A tenth of a second's bytes each tenth of a second; a second's at once. */
static struct ev_token_bucket_cfg *bucket(long bytes_a_second) {
  const struct timeval tick = {0, 100000};
  size_t burst = (size_t)bytes_a_second;
  size_t rate = burst >= 10 ? burst / 10 : 1;
  return ev_token_bucket_cfg_new(rate, burst, EV_RATE_LIMIT_MAX,
                                 EV_RATE_LIMIT_MAX, &tick);
}

int limits_open(struct limits *limits, struct event_base *base,
                const struct settings *settings) {
  memset(limits, 0, sizeof(*limits));
  if (settings->rate_bytes > 0) {
    limits->one = bucket(settings->rate_bytes);
    if (limits->one == NULL) return -1;
  }
  if (settings->group_rate_bytes > 0) {
    limits->all = bucket(settings->group_rate_bytes);
    if (limits->all == NULL) return -1;
    limits->group = bufferevent_rate_limit_group_new(base, limits->all);
    if (limits->group == NULL) return -1;
  }
  return 0;
}

void limits_close(struct limits *limits) {
  if (limits->group != NULL) bufferevent_rate_limit_group_free(limits->group);
  if (limits->all != NULL) ev_token_bucket_cfg_free(limits->all);
  if (limits->one != NULL) ev_token_bucket_cfg_free(limits->one);
  memset(limits, 0, sizeof(*limits));
}

int limits_apply(const struct limits *limits, struct bufferevent *socket) {
  if (limits->one != NULL &&
      bufferevent_set_rate_limit(socket, limits->one) < 0) {
    return -1;
  }
  if (limits->group != NULL &&
      bufferevent_add_to_rate_limit_group(socket, limits->group) < 0) {
    return -1;
  }
  return 0;
}

void limits_lift(const struct limits *limits, struct bufferevent *socket) {
  if (limits->one != NULL) bufferevent_set_rate_limit(socket, NULL);
  if (limits->group != NULL) bufferevent_remove_from_rate_limit_group(socket);
}
