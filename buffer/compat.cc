// SPDX-License-Identifier: BSD-3-Clause
//
// The callback of old, which replaces all others. (evbuffer_readline() is in
// eol.cc, evbuffer_find() in search.cc.)
#include <event2/buffer_compat.h>

#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"

extern "C" int evbuffer_setcb(evbuffer* buffer, evbuffer_cb cb, void* cbarg) {
  using namespace evoke;
  if (!IsBuffer(buffer, __func__)) return -1;
  BufferGuard guard(buffer);
  return ReplaceCallbacks(buffer, cb, cbarg) ? 0 : -1;
}
