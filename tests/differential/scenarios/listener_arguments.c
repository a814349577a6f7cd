// SPDX-License-Identifier: BSD-3-Clause
//
// Listeners and bad input: null pointers.

#include "tests/differential/scenarios/listener_support.h"

SCENARIO_ORACLE_CRASHES(listener_null, "libevent reads through the pointer");

SCENARIO(listener_null,
         "bad input: no listener: an error return and a warning from each "
         "function") {
  rec("enable %d", evconnlistener_enable(NULL));
  rec("disable %d", evconnlistener_disable(NULL));
  rec("fd %d", (int)evconnlistener_get_fd(NULL));
  rec("base %d", evconnlistener_get_base(NULL) == NULL);
  evconnlistener_set_cb(NULL, NULL, NULL);
  evconnlistener_set_error_cb(NULL, NULL);
  evconnlistener_free(NULL);
}

SCENARIO(listener_null_base,
         "bad input: a listener without a base is made, but cannot be "
         "enabled") {
  struct hosts hosts = {0, 0, 0, 0};
  struct sockaddr_in addr;
  struct evconnlistener *listener = listen_loopback(
      NULL, on_accept, &hosts, LEV_OPT_CLOSE_ON_FREE, -1, &addr);
  rec("%s", listener ? "listener" : "NULL");
  if (listener == NULL) return;
  rec("enable -> %d", evconnlistener_enable(listener));
  rec("base %d", evconnlistener_get_base(listener) == NULL);
  evconnlistener_free(listener);
}
