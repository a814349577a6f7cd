// SPDX-License-Identifier: BSD-3-Clause
//
// An echo server as the benchmark expects them, on epoll: `--port N`, "port: N"
// on stderr, status 0 on SIGTERM. `--serve N` before them: it closes the
// connections beyond N, as select does beyond 1,024.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

int Listen(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, generic, length) < 0 || listen(listener, 1024) < 0 ||
      getsockname(listener, generic, &length) < 0) {
    perror("cannot listen");
    exit(1);
  }
  fprintf(stderr, "port: %d\n", ntohs(address.sin_port));
  return listener;
}

void Watch(int epoll, int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

bool Echo(int fd) {
  char bytes[16384];
  ssize_t got = read(fd, bytes, sizeof(bytes));
  return got > 0 && send(fd, bytes, got, MSG_NOSIGNAL) == got;
}

}  // namespace

int main(int argc, char** argv) {
  int port = 0, at_most = 1 << 30;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--port") == 0) port = atoi(argv[i + 1]);
    if (strcmp(argv[i], "--serve") == 0) at_most = atoi(argv[i + 1]);
  }
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  int end = signalfd(-1, &ends, SFD_CLOEXEC);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  int listener = Listen(port);
  Watch(epoll, end);
  Watch(epoll, listener);
  int open = 0;
  for (;;) {
    epoll_event events[64];
    int ready = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < ready; ++i) {
      int fd = events[i].data.fd;
      if (fd == end) return 0;
      if (fd == listener) {
        int client = accept(listener, nullptr, nullptr);
        if (open < at_most) {
          ++open;
          Watch(epoll, client);
        } else {
          close(client);
        }
      } else if (!Echo(fd)) {
        close(fd);
        --open;
      }
    }
  }
}
