/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Small things that are the same everywhere: sockets, addresses, text, chance.
 *
 *   14_util
 *
 * What each system has under another name, or in another locale, or not at all.
 * None of it needs a base.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "examples/tour/tour.h"

/* --- Sockets ---------------------------------------------------------------
 */

static int option_of(evutil_socket_t fd, int level, int name) {
  int value = -1;
  socklen_t length = sizeof(value);
  getsockopt(fd, level, name, &value, &length);
  return value > 0; /* some are times */
}

static void sockets(void) {
  evutil_socket_t pair[2] = {-1, -1};
  evutil_socket_t tcp = socket(AF_INET, SOCK_STREAM, 0);
  evutil_socket_t six = socket(AF_INET6, SOCK_STREAM, 0);
  char text[8] = "";
  section("sockets");
  printf("a pair: %d", evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
  if (write(pair[0], "across", 6) != 6) printf(" cannot write");
  if (read(pair[1], text, sizeof(text)) != 6) printf(" cannot read");
  printf(", \"%s\"\n", text);
  printf("blocks: %d", !(fcntl(pair[0], F_GETFL) & O_NONBLOCK));
  evutil_make_socket_nonblocking(pair[0]);
  printf(", then %d\n", !(fcntl(pair[0], F_GETFL) & O_NONBLOCK));
  printf("survives exec: %d", !(fcntl(pair[0], F_GETFD) & FD_CLOEXEC));
  evutil_make_socket_closeonexec(pair[0]);
  printf(", then %d\n", !(fcntl(pair[0], F_GETFD) & FD_CLOEXEC));
  printf("closed: %d", evutil_closesocket(pair[0]));
  printf(", and gone: %d\n", fcntl(pair[0], F_GETFD) < 0);
  evutil_closesocket(pair[1]);

  printf("address reused: %d", option_of(tcp, SOL_SOCKET, SO_REUSEADDR));
  evutil_make_listen_socket_reuseable(tcp);
  printf(", then %d\n", option_of(tcp, SOL_SOCKET, SO_REUSEADDR));
  printf("port shared: %d", option_of(tcp, SOL_SOCKET, SO_REUSEPORT));
  evutil_make_listen_socket_reuseable_port(tcp);
  printf(", then %d\n", option_of(tcp, SOL_SOCKET, SO_REUSEPORT));
  printf("accept waits for data: %d",
         option_of(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT));
  evutil_make_tcp_listen_socket_deferred(tcp);
  printf(", then %d\n", option_of(tcp, IPPROTO_TCP, TCP_DEFER_ACCEPT));
  evutil_make_listen_socket_ipv6only(six);
  printf("IPv6 alone: %d\n", option_of(six, IPPROTO_IPV6, IPV6_V6ONLY));
  evutil_closesocket(tcp);
  evutil_closesocket(six);
}

/* --- Addresses -------------------------------------------------------------
 */

static void print_address(const struct sockaddr_storage *address) {
  const struct sockaddr_in *four = (const struct sockaddr_in *)address;
  const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
  char text[64] = "?";
  if (address->ss_family == AF_INET) {
    evutil_inet_ntop(AF_INET, &four->sin_addr, text, sizeof(text));
    printf("%s port %d\n", text, ntohs(four->sin_port));
  } else {
    evutil_inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text));
    printf("%s port %d\n", text, ntohs(six->sin6_port));
  }
}

/* The address that `text` means; port 0 if it names none. */
static struct sockaddr_storage address_of(const char *text) {
  struct sockaddr_storage address;
  int length = sizeof(address);
  memset(&address, 0, sizeof(address));
  if (evutil_parse_sockaddr_port(text, (struct sockaddr *)&address, &length)) {
    printf("%s is no address\n", text);
  }
  return address;
}

/* -1, 0 or 1 */
static int compare(const char *left, const char *right, int with_port) {
  struct sockaddr_storage a = address_of(left), b = address_of(right);
  int result = evutil_sockaddr_cmp((struct sockaddr *)&a, (struct sockaddr *)&b,
                                   with_port);
  return result < 0 ? -1 : result > 0;
}

static void addresses(void) {
  struct in_addr four = {0};
  struct in6_addr six;
  unsigned scope = 0;
  struct sockaddr_storage address;
  section("addresses");
  printf("192.0.2.7: %d", evutil_inet_pton(AF_INET, "192.0.2.7", &four));
  printf(" %08x\n", ntohl(four.s_addr));
  printf("192.0.2: %d\n", evutil_inet_pton(AF_INET, "192.0.2", &four));
  printf("with an interface: %d, ",
         evutil_inet_pton_scope(AF_INET6, "fe80::1%lo", &six, &scope));
  printf("its number is right: %d\n", scope == if_nametoindex("lo"));
  address = address_of("192.0.2.7:80");
  print_address(&address);
  address = address_of("[2001:db8:0:0::1]:443");
  print_address(&address);
  address_of("2001:db8::1:443x");
  printf("compared: %d %d %d %d\n", compare("192.0.2.7:80", "192.0.2.7:80", 1),
         compare("192.0.2.7:80", "192.0.2.7:81", 1),
         compare("192.0.2.7:80", "192.0.2.7:81", 0),
         compare("192.0.2.8", "192.0.2.7", 0));
}

/* --- Names -----------------------------------------------------------------
 */

static void look_up(const char *name, const char *service, int family,
                    int flags) {
  struct evutil_addrinfo hints, *found = NULL, *one;
  struct sockaddr_storage address;
  int error;
  memset(&hints, 0, sizeof(hints));
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  error = evutil_getaddrinfo(name, service, &hints, &found);
  printf("%s: %s\n", name != NULL ? name : "nobody",
         error != 0 ? evutil_gai_strerror(error) : "found");
  if (error != 0) return;
  for (one = found; one != NULL; one = one->ai_next) {
    memcpy(&address, one->ai_addr, one->ai_addrlen);
    printf("  ");
    print_address(&address);
  }
  evutil_freeaddrinfo(found);
}

/* How much memory is left behind by a hundred lookups whose results are freed.
 */
static void free_them(void) {
  struct evutil_addrinfo *found = NULL;
  size_t before = 0;
  int i;
  for (i = 0; i < 101; ++i) {
    if (evutil_getaddrinfo("192.0.2.7", "80", NULL, &found) != 0) return;
    evutil_freeaddrinfo(found);
    if (i == 0) before = mallinfo2().uordblks; /* whatever is kept is there */
  }
  printf("left behind: %d bytes\n", (int)(mallinfo2().uordblks - before));
}

static void names(void) {
  section("names");
  free_them();
  look_up("192.0.2.7", "80", AF_UNSPEC, EVUTIL_AI_NUMERICHOST);
  look_up("2001:db8::1", "443", AF_UNSPEC, EVUTIL_AI_NUMERICHOST);
  look_up(NULL, "80", AF_INET, EVUTIL_AI_PASSIVE);
  look_up("no number", "80", AF_UNSPEC, EVUTIL_AI_NUMERICHOST);
}

/* --- Text ------------------------------------------------------------------
 */

static int format(char *text, size_t size, const char *how, ...) {
  va_list values;
  int length;
  va_start(values, how);
  length = evutil_vsnprintf(text, size, how, values);
  va_end(values);
  return length;
}

static void texts(void) {
  const struct tm moment = {.tm_year = 126,
                            .tm_mon = 1,
                            .tm_mday = 3,
                            .tm_hour = 4,
                            .tm_min = 5,
                            .tm_sec = 6,
                            .tm_wday = 2};
  char text[64] = "", *end = NULL;
  section("text");
  printf("cut: %d", evutil_snprintf(text, 5, "%s", "hello, world"));
  printf(" \"%s\"", text);
  printf(", %d", format(text, 8, "%d-%d", 2026, 1234));
  printf(" \"%s\"\n", text);
  printf("numbers: %lld", (long long)evutil_strtoll("-9000000000 x", &end, 10));
  printf(" \"%s\", %lld\n", end, (long long)evutil_strtoll("ff", NULL, 16));
  printf("case: %d %d %d\n", evutil_ascii_strcasecmp("Host", "hOST"),
         evutil_ascii_strcasecmp("Host", "Hose") > 0,
         evutil_ascii_strncasecmp("Content-Type", "content-length", 8));
  printf("case, and different: %d\n",
         evutil_ascii_strncasecmp("Content-Type", "content-length", 9) > 0);
  evutil_date_rfc1123(text, sizeof(text), &moment);
  printf("a date: %s\n", text);
}

/* --- Chance ----------------------------------------------------------------
 */

static void chance(void) {
  unsigned char first[16] = {0}, second[16] = {0};
  section("chance");
  printf("ready: %d\n", evutil_secure_rng_init());
  evutil_secure_rng_get_bytes(first, sizeof(first));
  evutil_secure_rng_get_bytes(second, sizeof(second));
  printf("16 bytes twice are different: %d\n",
         memcmp(first, second, sizeof(first)) != 0);
}

int main(int argc, char **argv) {
  tour_begin(argc, argv);
  sockets();
  addresses();
  names();
  texts();
  chance();
  return tour_end();
}
