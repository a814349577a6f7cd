/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/server.h"

#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "examples/options.h"
#include "examples/product/log.h"
#include "examples/product/pid_file.h"
#include "examples/product/settings.h"

/* --- The end -------------------------------------------------------------- */

static void stop(struct server *server) { event_base_loopbreak(server->base); }

static void enter_phase(struct server *server, enum phase phase,
                        const struct timeval *most) {
  server->phase = phase;
  acceptor_close(&server->acceptor);
  event_add(server->deadline, most);
  if (TAILQ_EMPTY(&server->connections.list)) stop(server);
}

static void say_bye(struct server *server, const char *last_words) {
  enter_phase(server, SAYING_BYE, &server->settings->last);
  connections_end(&server->connections, last_words);
}

static void on_empty(void *arg) {
  struct server *server = (struct server *)arg;
  if (server->phase != SERVING) stop(server);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg) {
  struct server *server = (struct server *)arg;
  (void)fd;
  (void)what;
  if (server->phase == DRAINING) {
    say_bye(server, "* this server has been replaced: come back at once");
  } else {
    stop(server);
  }
}

static void on_stop_signal(evutil_socket_t number, short what, void *arg) {
  struct server *server = (struct server *)arg;
  (void)what;
  log_info("signal %d: the end", (int)number);
  if (server->phase == SAYING_BYE) {
    stop(server);
  } else {
    say_bye(server, "* the server ends: good bye");
  }
}

/* --- The restart ---------------------------------------------------------- */

static void save_chat(FILE *to, const void *arg) {
  chat_save((const struct chat *)arg, to);
}

static void on_handover_done(int ok, void *arg) {
  struct server *server = (struct server *)arg;
  struct client *client;
  if (!ok) log_info("the restart failed; all goes on as before");
  if (!ok || server->phase != SERVING) return;
  log_info("replaced; %ld clients are still here", server->chat.client_count);
  enter_phase(server, DRAINING, &server->settings->drain);
  TAILQ_FOREACH(client, &server->chat.clients, link) {
    client_tell(client,
                "* this server is being replaced: please come back "
                "within %ld s",
                (long)server->settings->drain.tv_sec);
  }
}

static void on_restart_signal(evutil_socket_t number, short what, void *arg) {
  struct server *server = (struct server *)arg;
  (void)number;
  (void)what;
  if (server->phase != SERVING || server->handover.answer != NULL) {
    log_info("a restart or an end is under way already");
    return;
  }
  handover_start(&server->handover, server->base,
                 acceptor_fd(&server->acceptor), save_chat, &server->chat);
}

/* The process of a restart, if it ends before us. */
static void on_child_signal(evutil_socket_t number, short what, void *arg) {
  struct server *server = (struct server *)arg;
  int status;
  pid_t pid;
  (void)number;
  (void)what;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    log_info("process %ld ended with %s %d", (long)pid,
             WIFEXITED(status) ? "status" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    /* Its number may be another's soon. */
    if (pid == server->handover.child) server->handover.child = 0;
  }
}

/* --- Beginning and running ------------------------------------------------ */

static void on_connection(evutil_socket_t fd, void *arg) {
  struct server *server = (struct server *)arg;
  client_welcome(&server->chat, &server->connections, fd);
}

static int watch_signals(struct server *server) {
  static const struct {
    int number;
    event_callback_fn callback;
  } watched[SIGNALS] = {
      {SIGTERM, on_stop_signal},
      {SIGINT, on_stop_signal},
      {SIGUSR2, on_restart_signal},
      {SIGCHLD, on_child_signal},
  };
  int i;
  for (i = 0; i < SIGNALS; ++i) {
    struct event *ev = evsignal_new(server->base, watched[i].number,
                                    watched[i].callback, server);
    server->signals[i] = ev;
    if (ev == NULL || event_add(ev, NULL) < 0) return -1;
  }
  return 0;
}

static void open_parts(struct server *server, const struct settings *settings) {
  server->settings = settings;
  chat_open(&server->chat, settings);
  server->connections.settings = settings;
  server->connections.figures = &server->chat.figures;
  server->connections.on_empty = on_empty;
  server->connections.arg = server;
  TAILQ_INIT(&server->connections.list);
  server->acceptor.on_connection = on_connection;
  server->acceptor.arg = server;
  server->handover.done = on_handover_done;
  server->handover.arg = server;
}

int server_open(struct server *server, const struct settings *settings) {
  struct inheritance inheritance;
  memset(server, 0, sizeof(*server));
  open_parts(server, settings);
  signal(SIGPIPE, SIG_IGN);
  handover_inherit(&inheritance);
  if (inheritance.saved != NULL) {
    chat_load(&server->chat, inheritance.saved);
    fclose(inheritance.saved);
  }
  server->base = base_for_method(settings->method);
  if (server->base == NULL) return -1;
  server->connections.base = server->base;
  server->deadline = evtimer_new(server->base, on_deadline, server);
  if (server->deadline == NULL || watch_signals(server) < 0 ||
      limits_open(&server->connections.limits, server->base, settings) < 0) {
    log_info("out of memory");
    return -1;
  }
  if (acceptor_open(&server->acceptor, server->base, settings,
                    inheritance.listening) < 0) {
    return -1;
  }
  pid_file_write(settings->pid_file);
  handover_ready(&inheritance);
  return 0;
}

int server_run(struct server *server) {
  return event_base_dispatch(server->base) < 0 ? -1 : 0;
}

void server_close(struct server *server) {
  int i;
  pid_file_remove(server->settings->pid_file);
  acceptor_close(&server->acceptor);
  handover_close(&server->handover);
  connections_close(&server->connections);
  chat_close(&server->chat);
  for (i = 0; i < SIGNALS; ++i) {
    if (server->signals[i] != NULL) event_free(server->signals[i]);
  }
  if (server->deadline != NULL) event_free(server->deadline);
  limits_close(&server->connections.limits);
  if (server->base != NULL) event_base_free(server->base);
}
