/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads: how the library locks.
 *
 * A program that uses one base from several threads calls
 * evthread_use_pthreads() (link with -levent_pthreads) before it makes its
 * first base, buffer or anything else: what was made before has no locks.
 * Programs with threads of another kind give their own functions to
 * evthread_set_lock_callbacks(), evthread_set_condition_callbacks() and
 * evthread_set_id_callback().
 *
 * What is then safe to use from any thread: an event_base and its events;
 * evbuffers after evbuffer_enable_locking(); bufferevents made with
 * BEV_OPT_THREADSAFE; listeners made with LEV_OPT_THREADSAFE. None of the
 * functions of this page may be called by two threads at once.
 */
#ifndef EVENT2_THREAD_H_INCLUDED_
#define EVENT2_THREAD_H_INCLUDED_

#include <event2/event-config.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;
struct timeval;

/* Flags in the `mode` that lock functions are called with. */
/* A read-write lock is to be locked, or unlocked, for writing. Not used. */
#define EVTHREAD_WRITE 0x04
/* A read-write lock is to be locked, or unlocked, for reading. Not used. */
#define EVTHREAD_READ 0x08
/* Do not wait: return non-zero when the lock is taken. */
#define EVTHREAD_TRY 0x10

#ifndef EVENT__DISABLE_THREAD_SUPPORT

/* What lock_api_version must be. */
#define EVTHREAD_LOCK_API_VERSION 1

/* Kinds of locks; 0 is a plain mutex. */
/* The thread that holds it may lock it again; it is free after as many
 * unlocks. */
#define EVTHREAD_LOCKTYPE_RECURSIVE 1
/* Many readers or one writer. Never asked for. */
#define EVTHREAD_LOCKTYPE_READWRITE 2

/* How to lock. */
struct evthread_lock_callbacks {
  /* EVTHREAD_LOCK_API_VERSION. */
  int lock_api_version;
  /* Bits of the EVTHREAD_LOCKTYPE_... that alloc() understands; recursive locks
   * must be among them. */
  unsigned supported_locktypes;
  /* A new lock of kind `locktype`, or NULL. */
  void *(*alloc)(unsigned locktype);
  /* Frees `lock`, which nobody holds. */
  void (*free)(void *lock, unsigned locktype);
  /* Waits for `lock`, unless `mode` has EVTHREAD_TRY. 0, or non-zero when it
   * was not locked. */
  int (*lock)(unsigned mode, void *lock);
  /* Lets `lock` go. 0, or non-zero for an error. */
  int (*unlock)(unsigned mode, void *lock);
};

/* Turns locking on. `callbacks` is copied. Returns 0, also when the same
 * functions are set already; -1 when others are, when one is missing, or when
 * the first locks cannot be made. NULL turns locking off: for the end of a
 * program, when all objects with locks are gone. */
int evthread_set_lock_callbacks(
    const struct evthread_lock_callbacks *callbacks);

/* What condition_api_version must be. */
#define EVTHREAD_CONDITION_API_VERSION 1

/* How to wait for a condition. */
struct evthread_condition_callbacks {
  /* EVTHREAD_CONDITION_API_VERSION. */
  int condition_api_version;
  /* A new condition variable, or NULL. `condtype` is 0. */
  void *(*alloc_condition)(unsigned condtype);
  /* Frees `cond`, for which nobody waits. */
  void (*free_condition)(void *cond);
  /* Wakes one thread that waits for `cond`, or all if `broadcast` is 1. Called
   * with the lock held that those wait with. 0, or -1. */
  int (*signal_condition)(void *cond, int broadcast);
  /* Lets `lock` go, which the caller holds, waits until it is woken, and takes
   * the lock again. `timeout` is the longest time to wait, NULL without limit.
   * 0 when it was woken, 1 when the time was over, -1 on error. */
  int (*wait_condition)(void *cond, void *lock, const struct timeval *timeout);
};

/* Lets event_del() and its kin wait for a callback that runs in another thread.
 * `callbacks` is copied. Returns 0, also when one is missing (nothing is set
 * then); -1 when others are set already. NULL takes them away. */
int evthread_set_condition_callbacks(
    const struct evthread_condition_callbacks *callbacks);

/* `id_fn` returns a number that tells the calling thread from all others.
 * Without it no thread is taken for another than the loop's, and none wakes the
 * loop. */
void evthread_set_id_callback(unsigned long (*id_fn)(void));

/* Locks, conditions and thread ids by POSIX threads. Part of libevent_pthreads.
 * Returns 0, or -1 when other functions are set already or the system is short
 * of memory. */
int evthread_use_pthreads(void);
/* Defined where evthread_use_pthreads() exists. */
#define EVTHREAD_USE_PTHREADS_IMPLEMENTED 1

/* A thread that holds a lock runs at the priority of the most urgent one that
 * waits for it (PTHREAD_PRIO_INHERIT, pthread_mutexattr_setprotocol(3)). Since
 * 2.2. */
#define EVTHREAD_PTHREAD_PRIO_INHERIT 0x01

/* As evthread_use_pthreads(); `flags` are 0 or EVTHREAD_PTHREAD_PRIO_INHERIT.
 * Since 2.2. */
int evthread_use_pthreads_with_flags(int flags);

/* Makes every lock watch over its users: unlocking what another thread holds,
 * or locking twice what is not recursive, is fatal at once. Slow. To be called
 * before anything else is made. */
void evthread_enable_lock_debugging(void);
/* The same, by the name that older programs know. */
void evthread_enable_lock_debuging(void);

#endif /* EVENT__DISABLE_THREAD_SUPPORT */

/* Makes sure that other threads can wake the loop of `base`: gives it the
 * eventfd that it otherwise gets when another thread first calls in, or when
 * its loop starts in another thread than the one that made it. Needed for a
 * base that was made before threading was turned on. Returns 0, or -1 when no
 * descriptor is to be had. */
int evthread_make_base_notifiable(struct event_base *base);

#ifdef __cplusplus
}
#endif

#endif /* EVENT2_THREAD_H_INCLUDED_ */
