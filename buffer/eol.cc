// SPDX-License-Identifier: BSD-3-Clause
//
// Lines: where the next one ends, and taking it out.
#include <event2/buffer_compat.h>
#include <string.h>

#include <algorithm>

#include "buffer/callbacks.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"
#include "buffer/position.h"
#include "util/memory.h"

namespace evoke {

namespace {

bool FindByte(const evbuffer* buffer, const Position& from, char byte,
              Position* found) {
  return Find(buffer, from, buffer->length_bytes, &byte, 1, found);
}

bool IsByte(const Position& at, uint8_t byte) {
  return at.chain != nullptr && ChainLoad(at.chain) &&
         at.chain->bytes()[at.in_chain] == byte;
}

// The first CR or LF.
bool FindLineByte(const evbuffer* buffer, const Position& from,
                  Position* found) {
  Position at = from;
  Chain* end = FirstSpare(buffer);
  for (; at.chain != end && at.chain != nullptr; at.chain = at.chain->next) {
    if (!ChainLoad(at.chain)) return false;
    const uint8_t* begin = at.chain->bytes() + at.in_chain;
    size_t bytes = at.chain->length_bytes - at.in_chain;
    auto* lf = static_cast<const uint8_t*>(memchr(begin, '\n', bytes));
    if (lf != nullptr) bytes = lf - begin;
    auto* cr = static_cast<const uint8_t*>(memchr(begin, '\r', bytes));
    const uint8_t* hit = cr != nullptr ? cr : lf;
    if (hit != nullptr) {
      *found = at;
      found->in_chain += hit - begin;
      found->offset_bytes += hit - begin;
      return true;
    }
    at.offset_bytes += bytes;
    at.in_chain = 0;
  }
  return false;
}

// How many CR and LF there are in a row.
size_t LineBytesRun(const evbuffer* buffer, Position at) {
  size_t run_bytes = 0;
  while (IsByte(at, '\r') || IsByte(at, '\n')) {
    ++run_bytes;
    if (!Advance(buffer, &at, 1)) break;
  }
  return run_bytes;
}

// An LF, with the CR in front of it if there is one at or behind `from`.
bool FindCrlf(const evbuffer* buffer, const Position& from, Position* found,
              size_t* eol_bytes) {
  if (!FindByte(buffer, from, '\n', found)) return false;
  *eol_bytes = 1;
  size_t skipped_bytes = found->offset_bytes - from.offset_bytes;
  if (skipped_bytes == 0) return true;
  Position before = *found;
  if (before.in_chain > 0) {
    --before.in_chain;
    --before.offset_bytes;
  } else {
    // Chains know no way back.
    before = from;
    if (!Advance(buffer, &before, skipped_bytes - 1)) return false;
  }
  if (IsByte(before, '\r')) {
    *found = before;
    *eol_bytes = 2;
  }
  return true;
}

bool FindEol(const evbuffer* buffer, const Position& from,
             evbuffer_eol_style style, Position* found, size_t* eol_bytes) {
  *eol_bytes = 1;
  switch (style) {
    case EVBUFFER_EOL_ANY:
      if (!FindLineByte(buffer, from, found)) return false;
      *eol_bytes = LineBytesRun(buffer, *found);
      return true;
    case EVBUFFER_EOL_CRLF:
      return FindCrlf(buffer, from, found, eol_bytes);
    case EVBUFFER_EOL_CRLF_STRICT:
      *eol_bytes = 2;
      return Find(buffer, from, buffer->length_bytes, "\r\n", 2, found);
    case EVBUFFER_EOL_LF:
      return FindByte(buffer, from, '\n', found);
    case EVBUFFER_EOL_NUL:
      return FindByte(buffer, from, '\0', found);
  }
  return false;
}

// The line in front of the first end of line, which goes too; nullptr when
// there is no complete one, or it cannot be had.
char* ReadLine(evbuffer* buffer, evbuffer_eol_style style, size_t* line_bytes) {
  Position eol;
  size_t eol_bytes;
  if (buffer->start_frozen) return nullptr;
  if (!FindEol(buffer, StartOf(buffer), style, &eol, &eol_bytes)) {
    return nullptr;
  }
  size_t bytes = eol.offset_bytes;
  auto* line = static_cast<char*>(Allocate(bytes + 1));
  if (line == nullptr) return nullptr;
  if (!CopyBytes(buffer->first, 0, line, bytes)) {
    Free(line);
    return nullptr;
  }
  line[bytes] = '\0';
  *line_bytes = bytes;
  // Two operations to those who watch: the line, then its end.
  if (bytes > 0) {
    DropFront(buffer, bytes);
    BufferChanged(buffer);
  }
  evbuffer_drain(buffer, eol_bytes);
  return line;
}

}  // namespace

}  // namespace evoke

extern "C" {

evbuffer_ptr evbuffer_search_eol(evbuffer* buffer, evbuffer_ptr* start,
                                 size_t* eol_len_out,
                                 evbuffer_eol_style eol_style) {
  using namespace evoke;
  if (eol_len_out != nullptr) *eol_len_out = 0;
  if (!IsBuffer(buffer, __func__)) return NoPtr();
  BufferGuard guard(buffer);
  Position from = StartOf(buffer);
  if (start != nullptr && !FromPtr(*start, &from)) return NoPtr();
  Position found;
  size_t eol_bytes;
  if (!FindEol(buffer, from, eol_style, &found, &eol_bytes)) return NoPtr();
  if (eol_len_out != nullptr) *eol_len_out = eol_bytes;
  return ToPtr(found);
}

char* evbuffer_readln(evbuffer* buffer, size_t* n_read_out,
                      evbuffer_eol_style eol_style) {
  using namespace evoke;
  if (n_read_out != nullptr) *n_read_out = 0;
  if (!IsBuffer(buffer, __func__)) return nullptr;
  BufferGuard guard(buffer);
  size_t line_bytes = 0;
  char* line = ReadLine(buffer, eol_style, &line_bytes);
  if (n_read_out != nullptr) *n_read_out = line_bytes;
  return line;
}

char* evbuffer_readline(evbuffer* buffer) {
  return evbuffer_readln(buffer, nullptr, EVBUFFER_EOL_ANY);
}

}  // extern "C"
