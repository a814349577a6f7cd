// SPDX-License-Identifier: BSD-3-Clause
//
// Places in a buffer, as struct evbuffer_ptr names them: the offset from the
// start, and the chain with the offset in it so that going on is cheap. The
// place behind the last byte has no chain.
#ifndef EVOKE_BUFFER_POSITION_H_
#define EVOKE_BUFFER_POSITION_H_

#include <stddef.h>
#include <stdint.h>

#include "buffer/chain.h"
#include "buffer/evbuffer.h"

namespace evoke {

struct Position {
  Chain* chain = nullptr;
  size_t in_chain = 0;
  size_t offset_bytes = 0;  // from the buffer's start
};

// The start of the buffer.
Position StartOf(const evbuffer* buffer);

// The place that `ptr` names. False when it names none.
[[nodiscard]] bool FromPtr(const evbuffer_ptr& ptr, Position* position);

evbuffer_ptr ToPtr(const Position& position);
evbuffer_ptr NoPtr();

// Goes `bytes` on. False when that is beyond the end of the buffer.
[[nodiscard]] bool Advance(const evbuffer* buffer, Position* position,
                           size_t bytes);

// Makes the first `bytes` contiguous and returns them; nullptr when there are
// not as many, none are asked for, or memory is short.
uint8_t* PullUp(evbuffer* buffer, size_t bytes);

// Where `what` begins for the first time, at or behind `from`, with its last
// byte in front of `end_bytes` (an offset from the start). False when nowhere.
[[nodiscard]] bool Find(const evbuffer* buffer, const Position& from,
                        size_t end_bytes, const char* what, size_t bytes,
                        Position* found);

}  // namespace evoke

#endif  // EVOKE_BUFFER_POSITION_H_
