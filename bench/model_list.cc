// SPDX-License-Identifier: BSD-3-Clause
#include "bench/model_list.h"

namespace evoke::bench {
namespace {

using ::evoke::load::Raw;
using ::evoke::load::SpRequests;
using ::evoke::load::ZmtpRequests;

constexpr char kOnStandIn[] =
    "runs on a stand-in for kqueue that is made of epoll; a BSD's kernel was "
    "not "
    "measured";
constexpr char kOnWine[] =
    "is a program for Windows and runs under wine, whose server is counted "
    "with "
    "it; Windows was not measured";

}  // namespace

const std::vector<Model>& AllModels() {
  static const std::vector<Model> models = {
      {"process_per_client", "processes", ""},
      {"prefork_accept", "processes", ""},
      {"thread_per_client", "threads", ""},
      {"thread_pool", "threads", ""},
      {"select_loop", "multiplexing", ""},
      {"pselect_loop", "multiplexing", ""},
      {"poll_loop", "multiplexing", ""},
      {"epoll_level", "multiplexing", ""},
      {"epoll_edge", "multiplexing", ""},
      {"kqueue_loop", "multiplexing", "tests/models/kqueue_loop", &Raw(),
       kOnStandIn},
      {"io_uring_loop", "multiplexing", ""},
      {"iocp_echo", "multiplexing", "bench/iocp_on_wine.sh", &Raw(), kOnWine},
      {"epoll_two_threads", "multiplexing and threads", ""},
      {"epoll_workers", "multiplexing and threads", ""},
      {"prefork_shared_listener", "multiplexing processes", ""},
      {"prefork_reuseport", "multiplexing processes", ""},
      {"nanomsg_reqrep", "messaging", "", &SpRequests()},
      {"zeromq_reqrep", "messaging", "", &ZmtpRequests()},
      {"on_evoke", "libraries", ""},
      {"on_libevent", "libraries", ""},
      {"on_libev", "libraries", ""},
      {"on_libuv", "libraries", ""},
      {"on_ace", "libraries", ""},
      {"on_asio", "libraries", ""},
  };
  return models;
}

}  // namespace evoke::bench
