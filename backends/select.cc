// SPDX-License-Identifier: BSD-3-Clause
//
// select(2), without its famous limit: the kernel takes sets of any size, only
// libc's fd_set ends at 1,024. So the sets here are arrays of words that grow
// with the highest descriptor, and no FD_ macro is used.
//
// Cost: each wait copies and scans two bits for every number up to the highest
// descriptor in use, in the kernel and here, a word of them at a time. Ready
// descriptors are handed over in ascending order.
//
// A descriptor that was closed while it has interest makes the whole wait fail
// with EBADF, until its event is deleted.
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/select.h>

#include <bit>

#include "backends/backend.h"
#include "util/clock.h"
#include "util/memory.h"

namespace evoke {
namespace {

using Word = unsigned long;  // what the kernel's sets are made of
constexpr int kWordBits = sizeof(Word) * CHAR_BIT;

struct Select {
  // The sets of wanted descriptors, and the copies that the kernel overwrites.
  // All four lie in one piece of memory, which begins at `read_wanted`.
  Word* read_wanted = nullptr;
  Word* write_wanted = nullptr;
  Word* read_ready = nullptr;
  Word* write_ready = nullptr;
  size_t capacity_words = 0;  // of each set
  size_t used_words = 0;      // up to the highest descriptor with interest
};

// Makes each set at least `words` long.
bool Reserve(Select* self, size_t words) {
  if (words <= self->capacity_words) return true;
  size_t capacity = std::bit_ceil(words < 16 ? size_t{16} : words);
  Word* sets = static_cast<Word*>(AllocateZeroed(4 * capacity, sizeof(Word)));
  if (sets == nullptr) return false;
  if (self->used_words != 0) {
    size_t used_bytes = self->used_words * sizeof(Word);
    memcpy(sets, self->read_wanted, used_bytes);
    memcpy(sets + capacity, self->write_wanted, used_bytes);
  }
  Free(self->read_wanted);
  self->read_wanted = sets;
  self->write_wanted = sets + capacity;
  self->read_ready = sets + 2 * capacity;
  self->write_ready = sets + 3 * capacity;
  self->capacity_words = capacity;
  return true;
}

void SetBit(Word* set, int fd, bool value) {
  Word bit = Word{1} << (fd % kWordBits);
  Word& word = set[fd / kWordBits];
  word = value ? word | bit : word & ~bit;
}

int CallSelect(Select* self, int64_t timeout_us) {
  size_t used_bytes = self->used_words * sizeof(Word);
  if (used_bytes != 0) {
    memcpy(self->read_ready, self->read_wanted, used_bytes);
    memcpy(self->write_ready, self->write_wanted, used_bytes);
  }
  timeval timeout = {};
  timeval* timeout_pointer = nullptr;
  if (timeout_us >= 0) {
    if (timeout_us > kMicrosPerSecond * INT_MAX) {
      timeout_us = kMicrosPerSecond * INT_MAX;
    }
    timeout = TimevalFromMicros(timeout_us);
    timeout_pointer = &timeout;
  }
  return select(static_cast<int>(self->used_words * kWordBits),
                reinterpret_cast<fd_set*>(self->read_ready),
                reinterpret_cast<fd_set*>(self->write_ready), nullptr,
                timeout_pointer);
}

void* OpenSelect(const evoke_backend_options* /*options*/) {
  return New<Select>();
}

void CloseSelect(void* state) {
  Select* self = static_cast<Select*>(state);
  Free(self->read_wanted);
  Delete(self);
}

// The kernel looks every descriptor up anew in each wait, so nothing can be
// lost there: the old interest does not matter, and repeating one is harmless.
// EV_CLOSED is accepted and never fires: select has no such question.
int ChangeSelect(void* state, evutil_socket_t fd, short /*old_interest*/,
                 short new_interest, int /*edge*/, void* /*per_fd*/) {
  Select* self = static_cast<Select*>(state);
  size_t words = static_cast<size_t>(fd / kWordBits) + 1;
  if (new_interest & (EV_READ | EV_WRITE)) {
    if (!Reserve(self, words)) return -1;
    if (self->used_words < words) self->used_words = words;
  } else if (self->used_words < words) {
    return 0;
  }
  SetBit(self->read_wanted, fd, new_interest & EV_READ);
  SetBit(self->write_wanted, fd, new_interest & EV_WRITE);
  size_t& used = self->used_words;
  while (used != 0 &&
         !(self->read_wanted[used - 1] | self->write_wanted[used - 1])) {
    --used;
  }
  return 0;
}

int WaitSelect(void* state, int64_t timeout_us, evoke_ready_sink* sink) {
  Select* self = static_cast<Select*>(state);
  if (CallSelect(self, timeout_us) < 0) return errno == EINTR ? 0 : -1;
  // The kernel's count is no guide to the end: numbers that no process could
  // have are left as they were, which counts as ready, as poll(2) has it too.
  for (size_t i = 0; i < self->used_words; ++i) {
    Word rest = self->read_ready[i] | self->write_ready[i];
    for (; rest != 0; rest &= rest - 1) {
      int bit = std::countr_zero(rest);
      short ready = 0;
      if (self->read_ready[i] >> bit & 1) ready |= EV_READ;
      if (self->write_ready[i] >> bit & 1) ready |= EV_WRITE;
      int fd = static_cast<int>(i) * kWordBits + bit;
      // What does not fit is still ready in the next wait.
      if (!evoke_sink_put(sink, fd, ready)) return 0;
    }
  }
  return 0;
}

// There is no kernel object to share; only the interests are to be forgotten.
int ForkedSelect(void* state) {
  Select* self = static_cast<Select*>(state);
  if (self->read_wanted != nullptr) {
    memset(self->read_wanted, 0, 2 * self->capacity_words * sizeof(Word));
  }
  self->used_words = 0;
  return 0;
}

}  // namespace

constinit const evoke_backend kSelectBackend =
    BuiltInTable("select", EV_FEATURE_FDS, /*flags=*/0,
                 /*per_fd_bytes=*/0, OpenSelect, CloseSelect, ChangeSelect,
                 WaitSelect, ForkedSelect);

}  // namespace evoke
