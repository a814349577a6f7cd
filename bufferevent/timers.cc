// SPDX-License-Identifier: BSD-3-Clause
#include "bufferevent/timers.h"

#include <event2/event.h>

#include "buffer/evbuffer.h"

namespace evoke {

namespace {

// Before the loop's thread had the lock, another may have let the timer count
// anew, disabled the direction, or freed the bufferevent.
bool IsOutdated(const bufferevent* bev, const event& timer, short direction) {
  return ImplOf(bev)->ended || event_pending(&timer, EV_TIMEOUT, nullptr) ||
         (ImplOf(bev)->lock != nullptr && !(bev->enabled & direction));
}

void ReadRanOut(evutil_socket_t, short, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  BuffereventGuard guard(bev);
  if (IsOutdated(bev, bev->ev_read, EV_READ)) return;
  bufferevent_disable(bev, EV_READ);
  RunEventCallback(bev, BEV_EVENT_TIMEOUT | BEV_EVENT_READING, 0);
}

void WriteRanOut(evutil_socket_t, short, void* arg) {
  auto* bev = static_cast<bufferevent*>(arg);
  BuffereventGuard guard(bev);
  if (IsOutdated(bev, bev->ev_write, EV_WRITE)) return;
  bufferevent_disable(bev, EV_WRITE);
  RunEventCallback(bev, BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING, 0);
}

int Restart(event* timer, const timeval& timeout) {
  return evutil_timerisset(&timeout) ? event_add(timer, &timeout) : 0;
}

int Adjust(event* timer, const timeval& timeout, bool runs) {
  if (runs && evutil_timerisset(&timeout)) return event_add(timer, &timeout);
  return event_del_noblock(timer);
}

}  // namespace

void TimersInit(bufferevent* bev) {
  event_assign(&bev->ev_read, bev->ev_base, -1, 0, ReadRanOut, bev);
  event_assign(&bev->ev_write, bev->ev_base, -1, 0, WriteRanOut, bev);
}

void TimersDetach(bufferevent* bev) { TimersStop(bev, EV_READ | EV_WRITE); }

int TimersRestart(bufferevent* bev, short events) {
  int result = 0;
  if (events & EV_READ) result = Restart(&bev->ev_read, bev->timeout_read);
  if ((events & EV_WRITE) && Restart(&bev->ev_write, bev->timeout_write) < 0) {
    result = -1;
  }
  return result;
}

int TimersStop(bufferevent* bev, short events) {
  int result = 0;
  if (events & EV_READ) result = event_del_noblock(&bev->ev_read);
  if ((events & EV_WRITE) && event_del_noblock(&bev->ev_write) < 0) result = -1;
  return result;
}

int TimersChanged(bufferevent* bev) {
  const BuffereventImpl* impl = ImplOf(bev);
  bool reads = (bev->enabled & EV_READ) && impl->read_suspended == 0;
  bool writes = (bev->enabled & EV_WRITE) && impl->write_suspended == 0 &&
                bev->output->length() > 0;
  int read_result = Adjust(&bev->ev_read, bev->timeout_read, reads);
  int write_result = Adjust(&bev->ev_write, bev->timeout_write, writes);
  return read_result < 0 || write_result < 0 ? -1 : 0;
}

}  // namespace evoke
