/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chat server, complete: rooms with history, names, limits for those who send
 * too fast or read too slowly, and restarts that no client notices. README.md
 * is its map; `chat --help` lists the flags.
 *
 * It uses the public API alone, and so runs on libevent as well.
 */
#include <event2/event.h>

#include "examples/product/handover.h"
#include "examples/product/log.h"
#include "examples/product/server.h"
#include "examples/product/settings.h"

int main(int argc, char **argv) {
  struct settings settings;
  struct server server;
  int failed;
  handover_remember(argv);
  settings_parse(&settings, argc, argv);
  log_open(settings.verbose);
  failed = server_open(&server, &settings) < 0 || server_run(&server) < 0;
  server_close(&server);
  libevent_global_shutdown();
  if (!failed) log_info("ended");
  return failed;
}
