// SPDX-License-Identifier: BSD-3-Clause
//
// The echo server of the benchmark without a library: what the kernel's calls
// alone cost. Level-triggered epoll, one read and one write for each message;
// what a write leaves over is kept until the socket is writable again. Prints
// its port, then serves until it is killed.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace {

constexpr int kMaxEvents = 64;

std::vector<std::string> g_unsent;  // by fd

void Watch(int epoll, int op, int fd, uint32_t events) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(epoll, op, fd, &event);
}

void Accept(int epoll, int listener) {
  for (;;) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (g_unsent.size() <= static_cast<size_t>(fd)) g_unsent.resize(fd + 1);
    g_unsent[fd].clear();
    Watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

// Returns false when the connection is over.
bool Send(int epoll, int fd, const char* bytes, size_t length) {
  ssize_t sent = write(fd, bytes, length);
  if (sent == static_cast<ssize_t>(length)) return true;
  if (sent < 0 && errno != EAGAIN) return false;
  g_unsent[fd].assign(bytes + (sent > 0 ? sent : 0),
                      length - (sent > 0 ? sent : 0));
  Watch(epoll, EPOLL_CTL_MOD, fd, EPOLLOUT);
  return true;
}

bool Serve(int epoll, int fd, uint32_t events) {
  static char bytes[65536];
  if (events & EPOLLOUT) {
    std::string unsent = std::move(g_unsent[fd]);
    Watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN);
    return Send(epoll, fd, unsent.data(), unsent.size());
  }
  ssize_t got = read(fd, bytes, sizeof(bytes));
  if (got <= 0) return got < 0 && errno == EAGAIN;
  return Send(epoll, fd, bytes, got);
}

}  // namespace

int main() {
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), length) < 0 ||
      listen(listener, 1024) < 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) <
          0) {
    perror("cannot listen");
    return 1;
  }
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  int epoll = epoll_create1(EPOLL_CLOEXEC);
  Watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
  epoll_event events[kMaxEvents];
  for (;;) {
    int ready = epoll_wait(epoll, events, kMaxEvents, -1);
    for (int i = 0; i < ready; ++i) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        Accept(epoll, listener);
      } else if (!Serve(epoll, fd, events[i].events)) {
        close(fd);
      }
    }
  }
}
