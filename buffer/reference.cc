// SPDX-License-Identifier: BSD-3-Clause
//
// The program's own memory in a buffer, without a copy.
#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "util/log.h"

extern "C" {

int evbuffer_add_reference(evbuffer* outbuf, const void* data, size_t datlen,
                           evbuffer_ref_cleanup_cb cleanupfn,
                           void* cleanupfn_arg) {
  using namespace evoke;
  if (!IsBuffer(outbuf, __func__)) return -1;
  if (data == nullptr && datlen > 0) {
    LogWarn("%s: no memory to refer to", __func__);
    return -1;
  }
  BufferGuard guard(outbuf);
  if (outbuf->end_frozen || !FitsInBuffer(outbuf, datlen)) return -1;
  Chain* chain = ChainNewReference(data, datlen, cleanupfn, cleanupfn_arg);
  if (chain == nullptr) return -1;
  AppendChain(outbuf, chain);
  BufferChanged(outbuf);
  return 0;
}

}  // extern "C"
