// SPDX-License-Identifier: BSD-3-Clause
//
// An event library: libuv's face.
//
// Idea: handles live (a listener, a connection, a signal) and requests pass (a
// write, a connect). The library does the reading and the writing and calls
// when a thing is done, as Windows' completion ports do, and so it runs on
// those as well. The memory stays yours: it asks for a buffer before each read,
// and a buffer that is written must stay until its request has ended.
// Right when: the same program runs on Unix and Windows, or also needs files,
// DNS and processes without blocking: its thread pool has them.
// Breaks when: one frees a handle before its close callback, or writes without
// watching the queue of what is unsent. Here a client is read from only when
// all was sent: first uv_try_write, and for the rest a request and a pause.
// Who: Node.js, Neovim, BIND 9's network manager.
#include <signal.h>
#include <uv.h>

#include "model.h"

struct client {
  uv_tcp_t tcp;  // the first member: the callbacks' handle is the client
  uv_write_t request;
  char bytes[MODEL_BUFFER_BYTES];
};

static struct model_options options;
static struct model_stats stats;

static void check(int status, const char *what) {
  if (status >= 0) return;
  fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
  exit(1);
}

static void on_client_closed(uv_handle_t *handle) { free(handle); }

static void close_client(struct client *client) {
  uv_handle_t *handle = (uv_handle_t *)&client->tcp;
  if (!uv_is_closing(handle)) uv_close(handle, on_client_closed);
}

static void on_buffer_wanted(uv_handle_t *handle, size_t suggested,
                             uv_buf_t *buffer) {
  struct client *client = (struct client *)handle;
  (void)suggested;
  *buffer = uv_buf_init(client->bytes, sizeof(client->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void on_written(uv_write_t *request, int status) {
  uv_stream_t *stream = request->handle;
  if (status < 0 || uv_is_closing((uv_handle_t *)stream) ||
      uv_read_start(stream, on_buffer_wanted, on_read) < 0) {
    close_client((struct client *)stream);
  }
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer) {
  struct client *client = (struct client *)stream;
  uv_buf_t rest;
  int sent;
  if (got == 0) return;  // it would have blocked
  if (got < 0) {
    close_client(client);
    return;
  }
  ++stats.messages;
  stats.bytes += (unsigned long)got;
  if (options.print) {
    model_print(buffer->base, (size_t)got);
    return;
  }
  rest = uv_buf_init(buffer->base, (unsigned)got);
  sent = uv_try_write(stream, &rest, 1);
  if (sent == got) return;
  if (sent < 0 && sent != UV_EAGAIN) {
    close_client(client);
    return;
  }
  if (sent > 0) rest = uv_buf_init(rest.base + sent, (unsigned)(got - sent));
  uv_read_stop(stream);
  if (uv_write(&client->request, stream, &rest, 1, on_written) < 0) {
    close_client(client);
  }
}

static void on_connection(uv_stream_t *listener, int status) {
  struct client *client = status < 0 ? NULL : malloc(sizeof(*client));
  if (client == NULL) return;
  if (uv_tcp_init(listener->loop, &client->tcp) < 0) {
    free(client);
    return;
  }
  if (uv_accept(listener, (uv_stream_t *)&client->tcp) < 0 ||
      uv_read_start((uv_stream_t *)&client->tcp, on_buffer_wanted, on_read) <
          0) {
    close_client(client);
    return;
  }
  ++stats.connections;
}

// Clients are on the heap; the listener and the signal are main's.
static void close_any(uv_handle_t *handle, void *listener) {
  int is_client = handle->type == UV_TCP && handle != listener;
  if (!uv_is_closing(handle)) {
    uv_close(handle, is_client ? on_client_closed : NULL);
  }
}

// All handles are closed, which ends uv_run: a loop without handles is done.
static void on_sigterm(uv_signal_t *end, int signal) {
  (void)signal;
  uv_walk(end->loop, close_any, end->data);
}

int main(int argc, char **argv) {
  uv_loop_t loop;
  uv_tcp_t listener;
  uv_signal_t end;
  struct sockaddr_in address;
  uv_os_fd_t fd;
  options = model_parse(argc, argv);
  signal(SIGPIPE, SIG_IGN);  // libuv writes to sockets as to any file
  check(uv_loop_init(&loop), "uv_loop_init");
  check(uv_signal_init(&loop, &end), "uv_signal_init");
  check(uv_signal_start(&end, on_sigterm, SIGTERM), "uv_signal_start");
  check(uv_ip4_addr("127.0.0.1", options.port, &address), "uv_ip4_addr");
  check(uv_tcp_init(&loop, &listener), "uv_tcp_init");
  end.data = &listener;
  check(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "uv_tcp_bind");
  check(uv_listen((uv_stream_t *)&listener, SOMAXCONN, on_connection),
        "uv_listen");
  check(uv_fileno((uv_handle_t *)&listener, &fd), "uv_fileno");
  model_print_port(fd);
  uv_run(&loop, UV_RUN_DEFAULT);
  check(uv_loop_close(&loop), "uv_loop_close");
  model_end(&options, &stats);
  return 0;
}
