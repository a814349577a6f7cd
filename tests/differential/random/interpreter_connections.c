// SPDX-License-Identifier: BSD-3-Clause
//
// Instructions about what a bufferevent is connected to: a socket pair whose
// other end the program drives, another bufferevent, a listening socket. TCP
// on loopback delivers at once or almost so; where it matters, this waits
// until the kernel says that it has.
#include <errno.h>
#include <event2/buffer.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/differential/random/interpreter_bufferevents.h"

#define REAL_WAIT_S 1
// The kernel never holds more for a bufferevent: one read takes it all on
// either library.
#define UNREAD_BYTES_MAX 4000
#define ORPHANS_MAX 512

void connections_start(void) {
  for (int i = 0; i < BEVS_MAX; i++) {
    bevs[i].own = bevs[i].peer = -1;
    bevs[i].own_is_ours = false;
  }
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static int orphans[ORPHANS_MAX];
static int orphan_count;

static void drop(struct bev_slot *slot) {
  // Not closed now: a bufferevent that has something deferred lets go of it
  // only in the loop's next turn.
  if (slot->own_is_ours && slot->own >= 0 && orphan_count < ORPHANS_MAX) {
    orphans[orphan_count++] = slot->own;
  }
  slot->own = -1;
  slot->own_is_ours = false;
  close_fd(&slot->peer);
}

void connections_close_all(void) {
  for (int i = 0; i < BEVS_MAX; i++) drop(&bevs[i]);
  loop_quietly();
  for (int i = 0; i < orphan_count; i++) close(orphans[i]);
}

void connection_orphan(struct bev_slot *slot) { slot->bev = NULL; }

// Waits, in real time, until `fd` shows one of `events`; false: it does not.
static bool wait_real(int fd, short events) {
  struct pollfd waited = {fd, events, 0};
  struct timespec limit = {REAL_WAIT_S, 0};
  if (syscall(SYS_ppoll, &waited, 1, &limit, NULL, 0) > 0) return true;
  rec("no news\n");
  return false;
}

static int unread_bytes(int fd) {
  int bytes = 0;
  return ioctl(fd, FIONREAD, &bytes) < 0 ? 0 : bytes;
}

// --- Making
// ---------------------------------------------------------------------------------

// A new socket, or base, comes with the default priority on libevent, which
// is that of others too.
static void keep_priority(struct bev_slot *slot) {
  int priority = fd_priority(bev_index(slot), 0);
  int result = bufferevent_priority_set(slot->bev, priority);
  EFFECT_IF(bufferevent_priority_set, result == 0);
}

static bool make(long index, int fd, long options, long script) {
  struct bev_slot *slot = &bevs[index];
  struct bufferevent *bev = bufferevent_socket_new(m.base, fd, (int)options);
  rec("bev %ld made %d\n", index, bev != NULL);
  if (bev == NULL) return false;
  EFFECT(bufferevent_socket_new);
  slot->bev = bev;
  slot->options = (int)options;
  slot->script = (int)script;
  slot->own = fd;
  slot->own_is_ours = !(options & BEV_OPT_CLOSE_ON_FREE);
  slot->is_tcp = slot->is_linked = slot->is_slow = slot->keeps =
      slot->has_high = false;
  slot->stirred = slot->running = 0;
  slot->load = 0;
  slot->had_timeout = false;
  slot->written = 0;
  memset(&slot->in, 0, sizeof(slot->in));
  memset(&slot->out, 0, sizeof(slot->out));
  keep_priority(slot);
  return true;
}

static void set_callbacks(struct bev_slot *slot) {
  bufferevent_setcb(slot->bev, on_bev_read,
                    slot->is_linked ? NULL : on_bev_write, on_bev_event, slot);
  EFFECT(bufferevent_setcb);
}

static bool open_pair(int pair[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0;
}

static bool slot_is_free(long index) {
  if (m.base == NULL || bevs[index].bev != NULL || fd_priority(index, 0) < 0 ||
      m.priorities == 1) {
    return false;
  }
  drop(&bevs[index]);
  return true;
}

void op_bev_new(const long *a) {
  int pair[2];
  if (!slot_is_free(a[0]) || !open_pair(pair)) return;
  struct bev_slot *slot = &bevs[a[0]];
  if (!make(a[0], pair[0], a[1], a[2])) {
    close(pair[0]);
    close(pair[1]);
    return;
  }
  slot->peer = pair[1];
  set_callbacks(slot);
}

void op_bev_link(const long *a) {
  int pair[2];
  if (a[0] == a[1] || !slot_is_free(a[0]) || !slot_is_free(a[1]) ||
      !open_pair(pair)) {
    return;
  }
  for (int i = 0; i < 2; i++) {
    struct bev_slot *slot = &bevs[a[i]];
    if (!make(a[i], pair[i], a[2], a[3])) {
      close(pair[i]);
      continue;
    }
    slot->is_linked = true;
    slot->partner = (int)a[1 - i];
    set_callbacks(slot);
  }
}

// --- Connecting
// ------------------------------------------------------------------------------

enum how {
  CONNECT_UNIX,
  CONNECT_TCP,
  CONNECT_REFUSED,
  CONNECT_MISSING,
  CONNECT_NAME,
  CONNECT_NAME_REFUSED
};

// A socket to connect to, bound to an address of the kernel's choice.
static int make_listener(enum how how, struct sockaddr_storage *address,
                         socklen_t *bytes) {
  bool is_unix = how == CONNECT_UNIX || how == CONNECT_MISSING;
  int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  memset(address, 0, sizeof(*address));
  if (is_unix) {
    address->ss_family = AF_UNIX;
    *bytes = sizeof(sa_family_t);
  } else {
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *bytes = sizeof(*in);
  }
  if (bind(fd, (struct sockaddr *)address, *bytes) < 0) rec("no bind\n");
  *bytes = sizeof(*address);
  getsockname(fd, (struct sockaddr *)address, bytes);
  bool listens =
      how == CONNECT_UNIX || how == CONNECT_TCP || how == CONNECT_NAME;
  if (listens && listen(fd, 4) < 0) rec("no listen\n");
  if (how == CONNECT_MISSING) {
    struct sockaddr_un *un = (struct sockaddr_un *)address;
    strcpy(un->sun_path, "/nonexistent/socket");
    *bytes = sizeof(*un);
  }
  return fd;
}

void op_bev_connect(const long *a) {
  enum how how = (enum how)a[1];
  if (!slot_is_free(a[0]) ||
      !make(a[0], -1, a[2] | BEV_OPT_CLOSE_ON_FREE, a[3]))
    return;
  struct bev_slot *slot = &bevs[a[0]];
  struct sockaddr_storage address;
  socklen_t bytes;
  int listener = make_listener(how, &address, &bytes);
  set_callbacks(slot);
  if (!may_stir(slot, STIR_OUT)) {
    // Comes to nothing: what is at work is slow.
    close(listener);
    return;
  }
  slot->is_tcp = how != CONNECT_UNIX && how != CONNECT_MISSING;
  int result;
  if (how == CONNECT_NAME || how == CONNECT_NAME_REFUSED) {
    int port = ntohs(((struct sockaddr_in *)&address)->sin_port);
    result = bufferevent_socket_connect_hostname(slot->bev, NULL, AF_INET,
                                                 "127.0.0.1", port);
    EFFECT_IF(bufferevent_socket_connect_hostname, result == 0);
  } else {
    result = bufferevent_socket_connect(slot->bev, (struct sockaddr *)&address,
                                        (int)bytes);
    EFFECT_IF(bufferevent_socket_connect, result == 0);
  }
  rec("bev %ld connect %ld -> %d\n", a[0], a[1], result);
  if (slot->bev == NULL) {
    close(listener);
    return;
  }
  keep_priority(slot);
  slot->own = bufferevent_getfd(slot->bev);
  if (slot->own >= 0 && result == 0) wait_real(slot->own, POLLOUT);
  if (how == CONNECT_UNIX || how == CONNECT_TCP || how == CONNECT_NAME) {
    slot->peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (slot->peer < 0) rec("not accepted\n");
  }
  close(listener);
}

void op_bev_setfd(const long *a) {
  struct bev_slot *slot = bev_of(a);
  // How much of a slow one's output is left is open.
  if (slot == NULL || slot->is_linked || slot->is_slow || slot->stirred ||
      !may_stir(slot, STIR_OUT)) {
    return;
  }
  int pair[2] = {-1, -1};
  if (a[1] == 0 && !open_pair(pair)) return;
  int old = slot->own;
  int result = bufferevent_setfd(slot->bev, pair[0]);
  EFFECT_IF(bufferevent_setfd, result == 0);
  rec("bev %ld setfd -> %d\n", a[0], result);
  keep_priority(slot);
  // Nobody else closes the old one.
  close_fd(&old);
  close_fd(&slot->peer);
  slot->own = pair[0];
  slot->own_is_ours = !(slot->options & BEV_OPT_CLOSE_ON_FREE);
  slot->peer = pair[1];
  slot->is_tcp = false;
  slot->written = (long)evbuffer_get_length(bufferevent_get_output(slot->bev));
  memset(&slot->out, 0, sizeof(slot->out));
}

// To the base that it has: the only one.
void op_bev_base_set(const long *a) {
  struct bev_slot *slot = bev_of(a);
  if (slot == NULL || slot->stirred) return;
  int result = bufferevent_base_set(m.base, slot->bev);
  EFFECT_IF(bufferevent_base_set, result == 0);
  rec("bev %ld base_set -> %d\n", a[0], result);
  keep_priority(slot);
}

// --- The peer
// -----------------------------------------------------------------------------------

// Whether the peer may do something that the bufferevent will see.
static struct bev_slot *peer_may_act(const long *a) {
  struct bev_slot *slot = &bevs[a[0]];
  if (slot->peer < 0) return NULL;
  // After the bufferevent's end its socket tells nothing.
  if (slot->bev == NULL || slot->own < 0) return NULL;
  // How much of its output has been written is open.
  if (slot->is_slow && (slot->stirred & STIR_OUT)) return NULL;
  return may_stir(slot, STIR_IN) ? slot : NULL;
}

void op_bev_peer_write(const long *a) {
  struct bev_slot *slot = peer_may_act(a);
  if (slot == NULL) return;
  int unread = unread_bytes(slot->own);
  if (unread + a[1] > UNREAD_BYTES_MAX) return;
  ssize_t n =
      send(slot->peer, data_for(a[1], a[2]), (size_t)a[1], MSG_NOSIGNAL);
  rec("peer %ld write %zd\n", a[0], n);
  while (n > 0 && slot->is_tcp && unread_bytes(slot->own) < unread + n) {
    if (!wait_real(slot->own, POLLIN)) return;
  }
}

void op_bev_peer_shutdown(const long *a) {
  struct bev_slot *slot = peer_may_act(a);
  if (slot == NULL) return;
  rec("peer %ld shutdown %d\n", a[0], shutdown(slot->peer, SHUT_WR));
  wait_real(slot->own, POLLRDHUP);
}

void op_bev_peer_close(const long *a) {
  // Output may be out before, or not.
  if (bevs[a[0]].stirred & STIR_OUT) return;
  struct bev_slot *slot = peer_may_act(a);
  if (slot == NULL) return;
  close_fd(&slot->peer);
  rec("peer %ld closed\n", a[0]);
  wait_real(slot->own, POLLRDHUP);
}

// Takes what has arrived at the peer; on TCP, waits for what is on its way.
// Returns whether anything had.
static bool peer_read(struct bev_slot *slot) {
  char room[1 << 16];
  long before = slot->out.total;
  if (slot->peer < 0) return false;
  for (;;) {
    ssize_t n = read(slot->peer, room, sizeof(room));
    if (n > 0) {
      stream_add(&slot->out, room, (size_t)n);
      continue;
    }
    if (n < 0 && errno == EAGAIN && slot->is_tcp && slot->bev != NULL) {
      struct evbuffer *output = bufferevent_get_output(slot->bev);
      long sent = slot->written - (long)evbuffer_get_length(output);
      if (slot->out.total < sent) {
        if (wait_real(slot->peer, POLLIN)) continue;
      }
    }
    return slot->out.total > before;
  }
}

static bool drain_peers(void) {
  bool any = false;
  for (int i = 0; i < BEVS_MAX; i++) any = peer_read(&bevs[i]) || any;
  return any;
}

// How much has arrived is open while more is to come: see settle.
void op_bev_peer_read(const long *a) {
  if (m.depth == 0) peer_read(&bevs[a[0]]);
}

void record_connections(void) {
  for (int i = 0; i < BEVS_MAX; i++) {
    struct bev_slot *slot = &bevs[i];
    if (slot->bev == NULL) continue;
    size_t waiting = evbuffer_get_length(bufferevent_get_output(slot->bev));
    rec("bev %d: in %ld %llx, input %zu, enabled %d", i, slot->in.total,
        (unsigned long long)slot->in.hash,
        evbuffer_get_length(bufferevent_get_input(slot->bev)),
        bufferevent_get_enabled(slot->bev));
    if (waiting > 0 && (slot->peer >= 0 || slot->is_slow)) {
      rec(", output waits\n");
    } else {
      rec(", output %zu, out %ld %llx\n", waiting, slot->out.total,
          (unsigned long long)slot->out.hash);
    }
  }
}

// Callbacks may leave the loop before everything is done.
static void loop_to_rest(void) {
  for (int i = 0; i < 200; i++) {
    loop_quietly();
    if (i > 0 && !event_base_got_exit(m.base) &&
        !event_base_got_break(m.base)) {
      return;
    }
  }
}

// What a linked one wrote and its partner did not read, since that does not
// read now.
static long unread_of(int index) {
  struct bev_slot *partner = &bevs[bevs[index].partner];
  if (partner->bev == NULL) return 0;
  struct evbuffer *input = bufferevent_get_input(partner->bev);
  long unread = bevs[index].written - partner->in.total -
                (long)evbuffer_get_length(input);
  return unread > 0 ? LOAD_MAX : 0;
}

// Turns the loop until nothing is ready, and writes down where things stand.
// How many turns that takes is open.
void op_settle(const long *a) {
  (void)a;
  if (m.base == NULL || m.in_loop || m.depth > 0) return;
  loop_to_rest();
  while (drain_peers()) loop_to_rest();
  record_connections();
  for (int i = 0; i < BEVS_MAX; i++) {
    bevs[i].stirred = bevs[i].load = 0;
    if (bevs[i].bev != NULL && bevs[i].is_linked) bevs[i].load = unread_of(i);
  }
}
