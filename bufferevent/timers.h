// SPDX-License-Identifier: BSD-3-Clause
//
// Timeouts of the kinds that wait for no fd: in pairs and filters, ev_read and
// ev_write of the public struct are plain timers. Each counts from the last
// time that bytes went in its direction, and runs out once: the direction is
// then disabled, and the program told.
#ifndef EVOKE_BUFFEREVENT_TIMERS_H_
#define EVOKE_BUFFEREVENT_TIMERS_H_

#include "bufferevent/bufferevent.h"

namespace evoke {

// Prepares both. REQUIRES: BuffereventInit() has succeeded.
void TimersInit(bufferevent* bev);

// Takes both out of the loop.
void TimersDetach(bufferevent* bev);

// Lets the timers of `events` (EV_READ, EV_WRITE) count from now, where a
// timeout is set. 0, or -1 when memory is short.
int TimersRestart(bufferevent* bev, short events);

// Stops the timers of `events`. 0, or -1.
int TimersStop(bufferevent* bev, short events);

// For bufferevent_ops::timeouts_changed: the read timer runs while reading is
// enabled and not paused, the write timer if there is output too.
int TimersChanged(bufferevent* bev);

}  // namespace evoke

#endif  // EVOKE_BUFFEREVENT_TIMERS_H_
