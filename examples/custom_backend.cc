// SPDX-License-Identifier: BSD-3-Clause
//
// A backend of one's own: pselect(2), registered at run time, with the hello
// world of hello_world.c running on it.
//
//   custom_backend [--port N] [--verbose]    the service
//   custom_backend --check                   does it keep its promises?
//
// pselect takes its timeout in nanoseconds, and libc's fd_set ends at 1,024
// descriptors: a change beyond that is refused, and event_add() fails.
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <evoke/backend.h>
#include <sys/select.h>

#include <algorithm>
#include <memory>

#include "examples/options.h"

namespace {

// --- The backend: what is watched, and a function for each entry -----------

struct Watched {
  fd_set readers = {};
  fd_set writers = {};
  int end = 0;  // above the highest descriptor ever watched
};

void* Open(const evoke_backend_options* /*options*/) {
  return new (std::nothrow) Watched;
}

void Close(void* state) { delete static_cast<Watched*>(state); }

int Change(void* state, evutil_socket_t fd, short /*old_interest*/,
           short new_interest, int /*edge*/, void* /*per_fd*/) {
  Watched* watched = static_cast<Watched*>(state);
  if (fd >= FD_SETSIZE) {
    errno = EMFILE;
    return -1;
  }
  FD_CLR(fd, &watched->readers);
  FD_CLR(fd, &watched->writers);
  if (new_interest & EV_READ) FD_SET(fd, &watched->readers);
  if (new_interest & EV_WRITE) FD_SET(fd, &watched->writers);
  watched->end = std::max(watched->end, fd + 1);
  return 0;
}

int Wait(void* state, int64_t timeout_us, evoke_ready_sink* sink) {
  Watched ready = *static_cast<Watched*>(state);  // pselect overwrites it
  timeout_us = std::min(timeout_us, INT64_C(86400000000));  // a day
  timespec timeout = {timeout_us / 1000000, timeout_us % 1000000 * 1000};
  if (pselect(ready.end, &ready.readers, &ready.writers, nullptr,
              timeout_us < 0 ? nullptr : &timeout, nullptr) < 0) {
    return errno == EINTR ? 0 : -1;
  }
  for (int fd = 0; fd < ready.end; ++fd) {
    short what = 0;
    if (FD_ISSET(fd, &ready.readers)) what |= EV_READ;
    if (FD_ISSET(fd, &ready.writers)) what |= EV_WRITE;
    if (what != 0 && !evoke_sink_put(sink, fd, what)) break;
  }
  return 0;
}

// Nothing lives in the kernel, so a child has nothing to make anew.
int Forked(void* state) {
  *static_cast<Watched*>(state) = Watched();
  return 0;
}

constexpr evoke_backend kPselect = {
    .struct_size = sizeof(evoke_backend),
    .version = EVOKE_BACKEND_VERSION,
    .name = "pselect",
    .features = EV_FEATURE_FDS,
    .flags = 0,
    .per_fd_bytes = 0,
    .open = Open,
    .close = Close,
    .change = Change,
    .wait = Wait,
    .forked = Forked,
};

// --- The service -------------------------------------------------------------

struct Free {
  void operator()(event_base* base) const { event_base_free(base); }
  void operator()(event* ev) const { event_free(ev); }
  void operator()(evconnlistener* l) const { evconnlistener_free(l); }
};

void OnRead(bufferevent* bev, void* /*arg*/) {
  char line[1024 + 1];
  size_t length = bufferevent_read(bev, line, sizeof(line) - 1);
  line[length] = '\0';
  printf("%s\n", line);
}

void OnEvent(bufferevent* bev, short what, void* /*arg*/) {
  if (what & BEV_EVENT_EOF) printf("delete event\n");
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) bufferevent_free(bev);
}

void OnAccept(evconnlistener* listener, evutil_socket_t fd, sockaddr* /*peer*/,
              int /*peer_length*/, void* /*arg*/) {
  bufferevent* bev = bufferevent_socket_new(evconnlistener_get_base(listener),
                                            fd, BEV_OPT_CLOSE_ON_FREE);
  if (bev == nullptr) {
    evutil_closesocket(fd);
    return;
  }
  bufferevent_setcb(bev, OnRead, nullptr, OnEvent, nullptr);
  if (bufferevent_enable(bev, EV_READ | EV_WRITE) < 0) bufferevent_free(bev);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "--check") == 0) {
    return evoke_backend_conformance(&kPselect) == 0 ? 0 : 1;
  }
  options options = parse_options(argc, argv, 9988);
  setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  if (evoke_backend_register(&kPselect, EVOKE_BACKEND_BEFORE) < 0) return 1;
  std::unique_ptr<event_base, Free> base(base_for_method(options.method));
  if (base == nullptr) return 1;
  fprintf(stderr, "backend: %s\n", event_base_get_method(base.get()));

  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(options.port));
  std::unique_ptr<evconnlistener, Free> listener(evconnlistener_new_bind(
      base.get(), OnAccept, nullptr, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
      250, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
  std::unique_ptr<event, Free> on_sigterm(stop_on_sigterm(base.get()));
  if (listener == nullptr || on_sigterm == nullptr) {
    perror("cannot listen");
    return 1;
  }
  if (options.verbose) print_port(evconnlistener_get_fd(listener.get()));
  return event_base_dispatch(base.get()) < 0 ? 1 : 0;
}
