/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Old names and functions for bufferevents.  New programs use
 * event2/bufferevent.h, which says which threads may call what; bufferevents
 * that are made here have no lock.
 */
#ifndef EVENT2_BUFFEREVENT_COMPAT_H_INCLUDED_
#define EVENT2_BUFFEREVENT_COMPAT_H_INCLUDED_

#include <event2/bufferevent.h>
#include <event2/event-config.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* Old names of the callbacks' types. */
#define evbuffercb bufferevent_data_cb
#define everrorcb bufferevent_event_cb

/* bufferevent_socket_new() without options and bufferevent_setcb() in one; on
 * the base of event_init(), or on none until bufferevent_base_set().  The
 * caller frees it and closes the fd.  NULL when memory is short. */
struct bufferevent *bufferevent_new(evutil_socket_t fd, evbuffercb readcb,
                                    evbuffercb writecb, everrorcb errorcb,
                                    void *cbarg);

/* bufferevent_set_timeouts() in whole seconds; 0 is none. */
void bufferevent_settimeout(struct bufferevent *bufev, int timeout_read,
                            int timeout_write);

/* Old names of BEV_EVENT_... and of the buffers. */
#define EVBUFFER_READ BEV_EVENT_READING
#define EVBUFFER_WRITE BEV_EVENT_WRITING
#define EVBUFFER_EOF BEV_EVENT_EOF
#define EVBUFFER_ERROR BEV_EVENT_ERROR
#define EVBUFFER_TIMEOUT BEV_EVENT_TIMEOUT
#define EVBUFFER_INPUT(x) bufferevent_get_input(x)
#define EVBUFFER_OUTPUT(x) bufferevent_get_output(x)

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_BUFFEREVENT_COMPAT_H_INCLUDED_ */
