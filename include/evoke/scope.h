/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loopscope: watching a loop in a browser.
 *
 * One page, served from inside the loop, shows its turns, descriptors, timers,
 * queues and slowest callbacks while they happen. It is a library of its own,
 * libevoke_scope, which is loaded when it is asked for:
 *
 *   EVOKE_SCOPE=127.0.0.1:PORT in the environment of any program that uses the
 *     shared libraries, or that is linked with this one;
 *   evoke_scope_start(), in programs that are linked with -levoke_scope.
 *
 * docs/scope.md has pictures. The page is read-only, and needs the token that
 * is in its URL, which is written once through the log callback. The
 * environment is not read in programs with another user's privileges
 * (secure_getenv(3)).
 *
 * This header may be included from C99 and C++.
 */
#ifndef EVOKE_SCOPE_H_INCLUDED_
#define EVOKE_SCOPE_H_INCLUDED_

#include <event2/event.h>
#include <event2/visibility.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Shows `base` on the page, and serves it at `address` ("127.0.0.1:8080",
 * "[::1]:8080"; port 0, or none, is any free one) unless this process serves it
 * already: there is one page for a process, in the loop of the base that asked
 * first, and it ends with that base. Other than loopback addresses are refused,
 * unless "public:" stands in front ("public:0.0.0.0:8080"): whoever has the URL
 * then sees what the program does.
 *
 * It does not keep the loop from ending. docs/scope.md says what it costs. A
 * child after fork() serves nothing. To be called from the thread that runs the
 * loop of `base`, or before it runs.
 *
 * Returns 0, or -1 with errno set: no base or address, or an address that is
 * none (EINVAL); one that others can reach, without "public:" (EPERM); what
 * socket(2), bind(2) and listen(2) say, such as EADDRINUSE; no memory (ENOMEM);
 * 64 bases are shown already (ENOSPC); this base is (EEXIST). All but the last
 * are warned of in the log, unless there is no address.
 */
EVENT2_EXPORT_SYMBOL
int evoke_scope_start(struct event_base *base, const char *address);

/*
 * Shows `base` no more; when it is the one that serves the page, that ends,
 * too. From the same thread. Freeing the base does the same. Returns 0, or -1
 * when it was not shown.
 */
EVENT2_EXPORT_SYMBOL
int evoke_scope_stop(struct event_base *base);

/*
 * The URL of the page, token included, into `url`. Returns its length in bytes,
 * also where `size` is too small for it; 0 when no page is served. Any thread.
 */
EVENT2_EXPORT_SYMBOL
size_t evoke_scope_url(char *url, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* EVOKE_SCOPE_H_INCLUDED_ */
