// SPDX-License-Identifier: BSD-3-Clause
//
// What programs of the 1.x days call: event2/bufferevent_compat.h.
#include <event2/bufferevent_compat.h>
#include <sys/time.h>

extern "C" {

bufferevent* bufferevent_new(evutil_socket_t fd, evbuffercb readcb,
                             evbuffercb writecb, everrorcb errorcb,
                             void* cbarg) {
  bufferevent* bev = bufferevent_socket_new(nullptr, fd, 0);
  if (bev == nullptr) return nullptr;
  bufferevent_setcb(bev, readcb, writecb, errorcb, cbarg);
  return bev;
}

void bufferevent_settimeout(bufferevent* bev, int timeout_read,
                            int timeout_write) {
  timeval read_time = {timeout_read, 0};
  timeval write_time = {timeout_write, 0};
  bufferevent_set_timeouts(bev, timeout_read != 0 ? &read_time : nullptr,
                           timeout_write != 0 ? &write_time : nullptr);
}

}  // extern "C"
