/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Helpers that the library needs for itself and offers to programs: types of
 * fixed width, sockets, addresses, name lookups, time arithmetic, strings, and
 * random bytes.
 *
 * Thread-safety: all functions may be called from any thread at once, except
 * where a declaration says otherwise.
 */
#ifndef EVENT2_UTIL_H_INCLUDED_
#define EVENT2_UTIL_H_INCLUDED_

/* First of all: it asks the system headers for their extensions. */
/* clang-format off */
#include <event2/event-config.h>
/* clang-format on */

#include <errno.h>
#include <event2/visibility.h>
#include <netdb.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- Types -------------------------------------------------------------- */

/* Integers of a fixed width, and of a pointer's. */
#define ev_uint64_t uint64_t
#define ev_int64_t int64_t
#define ev_uint32_t uint32_t
#define ev_int32_t int32_t
#define ev_uint16_t uint16_t
#define ev_int16_t int16_t
#define ev_uint8_t uint8_t
#define ev_int8_t int8_t
#define ev_uintptr_t uintptr_t
#define ev_intptr_t intptr_t

/* A length or -1. */
#define ev_ssize_t ssize_t
/* A position in a file; 64 bits where off_t of the library's build has them. */
#if EVENT__SIZEOF_OFF_T == 8
#define ev_off_t ev_int64_t
#else
#define ev_off_t ev_int32_t
#endif
/* The length of a socket address. */
#define ev_socklen_t socklen_t
/* A socket; a file descriptor on this platform. */
#define evutil_socket_t int

/* Their limits. */
#define EV_UINT64_MAX UINT64_MAX
#define EV_INT64_MAX INT64_MAX
#define EV_INT64_MIN INT64_MIN
#define EV_UINT32_MAX UINT32_MAX
#define EV_INT32_MAX INT32_MAX
#define EV_INT32_MIN INT32_MIN
#define EV_UINT16_MAX UINT16_MAX
#define EV_INT16_MAX INT16_MAX
#define EV_INT16_MIN INT16_MIN
#define EV_UINT8_MAX UINT8_MAX
#define EV_INT8_MAX INT8_MAX
#define EV_INT8_MIN INT8_MIN
#if EVENT__SIZEOF_SIZE_T == 8
#define EV_SIZE_MAX EV_UINT64_MAX
#define EV_SSIZE_MAX EV_INT64_MAX
#else
#define EV_SIZE_MAX EV_UINT32_MAX
#define EV_SSIZE_MAX EV_INT32_MAX
#endif
#define EV_SSIZE_MIN ((-EV_SSIZE_MAX) - 1)

/* The offset of a field in a structure, in bytes. */
#define evutil_offsetof(type, field) offsetof(type, field)

/* ---- Sockets ------------------------------------------------------------ */
/* These return 0, or -1 with the reason in errno; the two that change flags log
 * it, too.  None closes the socket on failure. */

/* socketpair(): makes two connected sockets in `sv`, which the caller closes.
 * `domain` is AF_UNIX on most systems; Linux refuses AF_INET. */
int evutil_socketpair(int domain, int type, int protocol,
                      evutil_socket_t sv[2]);

/* Makes operations on the socket return EAGAIN instead of waiting. */
int evutil_make_socket_nonblocking(evutil_socket_t sock);

/* Has the kernel close the socket when the process executes another program. */
int evutil_make_socket_closeonexec(evutil_socket_t sock);

/* Allows binding to an address whose earlier connections are still winding
 * down (SO_REUSEADDR).  To be called before bind(). */
int evutil_make_listen_socket_reuseable(evutil_socket_t sock);

/* Allows several sockets to be bound to one port (SO_REUSEPORT).  To be called
 * before bind(), on each of them. */
int evutil_make_listen_socket_reuseable_port(evutil_socket_t sock);

/* Keeps an IPv6 socket from taking IPv4 connections too (IPV6_V6ONLY).  To be
 * called before bind(). */
int evutil_make_listen_socket_ipv6only(evutil_socket_t sock);

/* Has accept() report a TCP connection only when its first bytes are there, or
 * after a second or so without them (TCP_DEFER_ACCEPT). */
int evutil_make_tcp_listen_socket_deferred(evutil_socket_t sock);

/*
 * Switches TCP keep-alive on, if `on` is not 0, or off.  On: after `timeout_s`
 * seconds of silence the peer is probed, and given up after three probes, a
 * third of that time apart (a second at least), that it does not answer.  With
 * a `timeout_s` below 1 the system's own times hold.  Since 2.2.
 */
int evutil_set_tcp_keepalive(evutil_socket_t sock, int on, int timeout_s);

/* Closes the socket. */
int evutil_closesocket(evutil_socket_t sock);
#define EVUTIL_CLOSESOCKET(s) evutil_closesocket(s)

/* The error of the last socket operation of this thread, and setting it. */
#define EVUTIL_SOCKET_ERROR() (errno)
#define EVUTIL_SET_SOCKET_ERROR(errcode) \
  do {                                   \
    errno = (errcode);                   \
  } while (0)
/* The error of the last operation on `sock`; the same here. */
#define evutil_socket_geterror(sock) (errno)
/* What an error number means; not the caller's to free.  A program that uses
 * it includes string.h. */
#define evutil_socket_error_to_string(errcode) (strerror(errcode))
/* No socket. */
#define EVUTIL_INVALID_SOCKET -1

/* ---- Time --------------------------------------------------------------- */

/* Arithmetic on pointers to struct timeval whose microseconds are below a
 * million: *vvp = *tvp + *uvp, and *vvp = *tvp - *uvp. */
#define evutil_timeradd(tvp, uvp, vvp)                \
  do {                                                \
    (vvp)->tv_sec = (tvp)->tv_sec + (uvp)->tv_sec;    \
    (vvp)->tv_usec = (tvp)->tv_usec + (uvp)->tv_usec; \
    if ((vvp)->tv_usec >= 1000000) {                  \
      (vvp)->tv_usec -= 1000000;                      \
      ++(vvp)->tv_sec;                                \
    }                                                 \
  } while (0)
#define evutil_timersub(tvp, uvp, vvp)                \
  do {                                                \
    (vvp)->tv_sec = (tvp)->tv_sec - (uvp)->tv_sec;    \
    (vvp)->tv_usec = (tvp)->tv_usec - (uvp)->tv_usec; \
    if ((vvp)->tv_usec < 0) {                         \
      (vvp)->tv_usec += 1000000;                      \
      --(vvp)->tv_sec;                                \
    }                                                 \
  } while (0)

/* Sets *tvp to zero. */
#define evutil_timerclear(tvp) ((tvp)->tv_sec = (tvp)->tv_usec = 0)

/* Whether *tvp is not zero. */
#define evutil_timerisset(tvp) ((tvp)->tv_sec || (tvp)->tv_usec)

/* Whether `*tvp cmp *uvp` holds, where cmp is one of == != < <= > >=. */
#define evutil_timercmp(tvp, uvp, cmp)                                   \
  (((tvp)->tv_sec == (uvp)->tv_sec) ? ((tvp)->tv_usec cmp(uvp)->tv_usec) \
                                    : ((tvp)->tv_sec cmp(uvp)->tv_sec))

/* The wall-clock time. */
#define evutil_gettimeofday(tv, tz) gettimeofday((tv), (tz))

/* A clock that never runs backward.  Opaque. */
struct evutil_monotonic_timer;

/* Flags of evutil_configure_monotonic_time(). */
/* The finest resolution that the system has, even if reading takes longer. */
#define EV_MONOT_PRECISE 1
/* Emulate the clock with the wall clock, as on systems without one; for
 * tests. */
#define EV_MONOT_FALLBACK 2

/* Makes a timer, which the caller configures, uses from one thread at a time,
 * and frees.  Until it is configured it tells the wall-clock time.  NULL when
 * memory is short. */
struct evutil_monotonic_timer *evutil_monotonic_timer_new(void);

/* Frees `timer`; NULL is allowed. */
void evutil_monotonic_timer_free(struct evutil_monotonic_timer *timer);

/* Chooses the clock behind `timer`: 0 for one that is cheap to read and exact
 * to some milliseconds, or EV_MONOT_... .  -1 when `timer` is NULL. */
int evutil_configure_monotonic_time(struct evutil_monotonic_timer *timer,
                                    int flags);

/* Writes the time since an unspecified start to `tp`; it never decreases.  0;
 * -1 when a pointer is NULL. */
int evutil_gettime_monotonic(struct evutil_monotonic_timer *timer,
                             struct timeval *tp);

/*
 * Writes `tm` (UTC; NULL: now) as HTTP wants it, "Mon, 23 Nov 2026 23:03:00
 * GMT", to the `datelen` bytes at `date`, cut off where they end.  Returns the
 * length of the whole text without its NUL, as evutil_snprintf() does.  Days
 * and months that do not exist are "???".
 */
int evutil_date_rfc1123(char *date, const size_t datelen, const struct tm *tm);

/* ---- Strings ------------------------------------------------------------ */

/* strtoll(): a number of `base` 2 to 36, or 0 to see by its prefix.  Out of
 * range gives the nearest limit and ERANGE. */
ev_int64_t evutil_strtoll(const char *s, char **endptr, int base);

/*
 * snprintf() and vsnprintf(): the text is cut off to fit `buflen` bytes with
 * its NUL.  Return the length it has uncut, -1 on an error of the format.
 * With a `buflen` of 0 nothing is written and 0 returned.
 */
int evutil_snprintf(char *buf, size_t buflen, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int evutil_vsnprintf(char *buf, size_t buflen, const char *format, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* strcasecmp() and strncasecmp() for ASCII letters, whatever the locale: -1, 0,
 * or 1.  Other bytes are ordered as plain char. */
int evutil_ascii_strcasecmp(const char *str1, const char *str2);
int evutil_ascii_strncasecmp(const char *str1, const char *str2, size_t n);

/* ---- Addresses ---------------------------------------------------------- */

struct sockaddr;

/* Writes the address at `src` (struct in_addr for AF_INET, in6_addr for
 * AF_INET6) as text to the `len` bytes at `dst`.  Returns `dst`, or NULL when
 * it does not fit or the family is unknown.  46 bytes are always enough; to an
 * IPv6 address for which only the NUL finds no room it gives the text without
 * its last character. */
const char *evutil_inet_ntop(int af, const void *src, char *dst, size_t len);

/* Reads the address in `src` into `dst`.  1 on success, 0 when the text is no
 * address, -1 when the family is unknown.  More lenient than inet_pton(3):
 * leading zeros and spaces before a decimal number are allowed. */
int evutil_inet_pton(int af, const char *src, void *dst);

/* The same, with a zone after an IPv6 address ("fe80::1%eth0", or a number),
 * whose interface index goes to `*indexp`; 0 without one. */
int evutil_inet_pton_scope(int af, const char *src, void *dst,
                           unsigned *indexp);

/*
 * Reads an address with or without port: "1.2.3.4", "1.2.3.4:80", "::1",
 * "[::1]", "[::1]:80".  Writes it to the `*outlen` bytes at `out`, the
 * rest of which becomes zero, and its length to `*outlen`; the port is 0 if
 * there is none.  0, or -1 when the text is no such address (names are not
 * looked up), the port is not within 1 to 65535, or it does not fit.
 */
int evutil_parse_sockaddr_port(const char *str, struct sockaddr *out,
                               int *outlen);

/* Orders two addresses: negative, 0 or positive.  Ports count only if
 * `include_port` is not 0.  Addresses of one family that is neither IPv4 nor
 * IPv6 are never equal. */
int evutil_sockaddr_cmp(const struct sockaddr *sa1, const struct sockaddr *sa2,
                        int include_port);

/* ---- Name lookup -------------------------------------------------------- */

/* struct addrinfo of netdb.h. */
#define evutil_addrinfo addrinfo

/* Errors of evutil_getaddrinfo(). */
#ifdef EAI_ADDRFAMILY
#define EVUTIL_EAI_ADDRFAMILY EAI_ADDRFAMILY
#else
#define EVUTIL_EAI_ADDRFAMILY -9
#endif
#define EVUTIL_EAI_AGAIN EAI_AGAIN
#define EVUTIL_EAI_BADFLAGS EAI_BADFLAGS
#define EVUTIL_EAI_FAIL EAI_FAIL
#define EVUTIL_EAI_FAMILY EAI_FAMILY
#define EVUTIL_EAI_MEMORY EAI_MEMORY
#ifdef EAI_NODATA
#define EVUTIL_EAI_NODATA EAI_NODATA
#else
#define EVUTIL_EAI_NODATA -5
#endif
#define EVUTIL_EAI_NONAME EAI_NONAME
#define EVUTIL_EAI_SERVICE EAI_SERVICE
#define EVUTIL_EAI_SOCKTYPE EAI_SOCKTYPE
#define EVUTIL_EAI_SYSTEM EAI_SYSTEM
/* A lookup was given up on request; only asynchronous ones report it. */
#define EVUTIL_EAI_CANCEL -90001

/* Flags in the hints; see getaddrinfo(3). */
#define EVUTIL_AI_PASSIVE AI_PASSIVE
#define EVUTIL_AI_CANONNAME AI_CANONNAME
#define EVUTIL_AI_NUMERICHOST AI_NUMERICHOST
#define EVUTIL_AI_NUMERICSERV AI_NUMERICSERV
#define EVUTIL_AI_V4MAPPED AI_V4MAPPED
#define EVUTIL_AI_ALL AI_ALL
#define EVUTIL_AI_ADDRCONFIG AI_ADDRCONFIG

struct evutil_addrinfo;

/*
 * Looks up the addresses of `nodename` and the port of `servname`, either of
 * which may be NULL, and waits for the answer.  `hints_in` restricts it (NULL:
 * does not).  On success returns 0 and a list in `*res` that the caller frees
 * with evutil_freeaddrinfo(); otherwise an EVUTIL_EAI_ error.
 */
int evutil_getaddrinfo(const char *nodename, const char *servname,
                       const struct evutil_addrinfo *hints_in,
                       struct evutil_addrinfo **res);

/* Frees a list of evutil_getaddrinfo() or getaddrinfo(); NULL is allowed. */
void evutil_freeaddrinfo(struct evutil_addrinfo *ai);

/* What an EVUTIL_EAI_ error means; not the caller's to free. */
const char *evutil_gai_strerror(int err);

/* ---- Random bytes ------------------------------------------------------- */

/* Writes `n` bytes that nobody can predict to `buf`, from the kernel's
 * generator.  Never fails: where the kernel gives none the process ends. */
void evutil_secure_rng_get_bytes(void *buf, size_t n);

/* Makes the generator ready, so that a process can do it before it gives up
 * the right to open files.  0, or -1 when there is no source of randomness. */
int evutil_secure_rng_init(void);

/* Names the file to seed a generator with, on systems where the library has one
 * of its own.  Here the kernel's is used, so: -1, and nothing happens. */
int evutil_secure_rng_set_urandom_device_file(char *fname);

/* Mixes bytes of the program's own into the generator, on systems where the
 * library has one.  Here nothing happens. */
void evutil_secure_rng_add_bytes(const char *dat, size_t datlen);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif /* EVENT2_UTIL_H_INCLUDED_ */
