// SPDX-License-Identifier: BSD-3-Clause
//
// Callbacks that the library itself puts off until the loop runs them: those
// of evbuffers (evbuffer_defer_callbacks) and of bufferevents
// (BEV_OPT_DEFER_CALLBACKS). They share the active queues with the events of
// the program, since a public struct event begins with a struct event_callback.
//
// Any thread may call these, with whatever lock held but a base's. A callback
// that was cancelled by another thread may have begun: it runs without a lock,
// so it takes its object's and looks whether it is still wanted. The object's
// memory goes through FinalizeLater(), which the loop runs after it.
#ifndef EVOKE_EVENT_DEFERRED_H_
#define EVOKE_EVENT_DEFERRED_H_

#include <event2/event_struct.h>
#include <stdint.h>

namespace evoke {

using DeferredFn = void (*)(event_callback* callback, void* arg);

// Prepares `callback`, which is not scheduled, to run `fn(callback, arg)` at
// `priority` (lower runs first).
void DeferredInit(event_callback* callback, uint8_t priority, DeferredFn fn,
                  void* arg);

// Changes the priority. REQUIRES: not scheduled.
void DeferredSetPriority(event_callback* callback, uint8_t priority);

// Lets the loop of `base` run `callback` once; `callback` must live until then
// or until it is cancelled. At most 32 of them join the queues of one turn, the
// rest wait for the next, so that callbacks that schedule each other cannot
// keep the loop from looking at the kernel. Returns false when it is scheduled
// already, which changes nothing.
bool DeferredSchedule(event_base* base, event_callback* callback);

// Takes it out. False when it was not scheduled, or is not any more because the
// loop has begun with it.
bool DeferredCancel(event_base* base, event_callback* callback);

// Whether it waits to be run.
bool IsDeferredScheduled(event_base* base, const event_callback* callback);

// As DeferredSchedule(), but at once at its priority and without a place in the
// limit of a turn.
void ActivateCallback(event_base* base, event_callback* callback);

// For the end of an object that callbacks further up the stack may still use:
// runs `fn(callback, arg)`, which may free `callback`, once from the loop of
// `base`, without a place in the limit of a turn, or when the base is freed
// before. Cannot be cancelled.
// REQUIRES: `callback` is not scheduled.
void FinalizeLater(event_base* base, event_callback* callback, uint8_t priority,
                   DeferredFn fn, void* arg);

}  // namespace evoke

#endif  // EVOKE_EVENT_DEFERRED_H_
