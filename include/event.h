/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything of the core at once, with the layouts of its structures and its
 * oldest functions: for programs that were written before event2/ existed.
 */
#ifndef EVENT1_EVENT_H_INCLUDED_
#define EVENT1_EVENT_H_INCLUDED_

#include <event2/buffer.h>
#include <event2/buffer_compat.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_compat.h>
#include <event2/bufferevent_struct.h>
#include <event2/event-config.h>
#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/event_struct.h>
#include <evutil.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

#endif /* EVENT1_EVENT_H_INCLUDED_ */
