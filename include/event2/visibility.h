/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which functions a shared library shows to its users.
 *
 * The headers beside this one mark all their functions as visible with a
 * pragma around the declarations, so they need nothing from here.  The two
 * macros are kept because programs and wrappers written for libevent use them
 * in declarations of their own.
 */
#ifndef EVENT2_VISIBILITY_H_INCLUDED_
#define EVENT2_VISIBILITY_H_INCLUDED_

#include <event2/event-config.h>

/*
 * EVENT2_EXPORT_SYMBOL stands before a declaration.  It makes the symbol
 * visible while one of the libraries itself is compiled (its build defines one
 * of the macros below), and is empty in programs.
 */
#if (defined(event_shared_EXPORTS) || defined(event_core_shared_EXPORTS) || \
     defined(event_extra_shared_EXPORTS) ||                                 \
     defined(event_pthreads_shared_EXPORTS) ||                              \
     defined(event_openssl_shared_EXPORTS)) &&                              \
    defined(__GNUC__)
#define EVENT2_EXPORT_SYMBOL __attribute__((visibility("default")))
#else
#define EVENT2_EXPORT_SYMBOL
#endif

/* The same for variables of the core library. */
#ifndef EVENT2_CORE_EXPORT_SYMBOL
#define EVENT2_CORE_EXPORT_SYMBOL EVENT2_EXPORT_SYMBOL
#endif

#endif /* EVENT2_VISIBILITY_H_INCLUDED_ */
