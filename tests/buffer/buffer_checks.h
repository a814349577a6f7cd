// SPDX-License-Identifier: BSD-3-Clause
//
// What the tests of buffers share: contents as a string, the invariants that
// buffer/evbuffer.h states, memory that knows when it is released, and a count
// of allocations that can be made to fail.
#ifndef EVOKE_TESTS_BUFFER_BUFFER_CHECKS_H_
#define EVOKE_TESTS_BUFFER_BUFFER_CHECKS_H_

#include <event2/buffer.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>

#include "buffer/chain.h"
#include "buffer/chain_list.h"
#include "buffer/evbuffer.h"

namespace evoke {

struct BufferDeleter {
  void operator()(evbuffer* buffer) const { evbuffer_free(buffer); }
};
using OwnedBuffer = std::unique_ptr<evbuffer, BufferDeleter>;

inline OwnedBuffer NewBuffer(std::string_view text = {}) {
  OwnedBuffer buffer(evbuffer_new());
  evbuffer_add(buffer.get(), text.data(), text.size());
  return buffer;
}

inline std::string Contents(evbuffer* buffer) {
  std::string text(evbuffer_get_length(buffer), '?');
  ev_ssize_t n = evbuffer_copyout(buffer, text.data(), text.size());
  EXPECT_EQ(n, static_cast<ev_ssize_t>(text.size()));
  return text;
}

inline int ChainCount(const evbuffer* buffer) {
  int count = 0;
  for (Chain* c = buffer->first; c != FirstSpare(buffer); c = c->next) ++count;
  return count;
}

// What evbuffer.h promises of the list of chains.
inline void CheckInvariants(const evbuffer* buffer) {
  size_t bytes = 0;
  Chain* last = nullptr;
  bool behind_bytes = buffer->tail == nullptr;
  for (Chain* c = buffer->first; c != nullptr; c = c->next) {
    ASSERT_LE(c->begin + c->length_bytes, c->capacity_bytes);
    ASSERT_GE(__atomic_load_n(&c->refs, __ATOMIC_RELAXED), 1u);
    if (behind_bytes) {
      ASSERT_EQ(c->length_bytes, 0u);
    } else {
      ASSERT_GT(c->length_bytes, 0u);
    }
    bytes += c->length_bytes;
    if (c == buffer->tail) behind_bytes = true;
    last = c;
  }
  ASSERT_TRUE(behind_bytes) << "tail is not in the list";
  ASSERT_EQ(buffer->last, last);
  ASSERT_EQ(buffer->length_bytes, bytes);
}

// Memory for evbuffer_add_reference(), freed (so that ASan sees a later use)
// and counted when the buffer lets go.
struct ReferencedMemory {
  int* releases;
  std::string text;

  static void Release(const void* data, size_t length, void* arg) {
    auto* memory = static_cast<ReferencedMemory*>(arg);
    EXPECT_EQ(data, memory->text.data());
    EXPECT_EQ(length, memory->text.size());
    ++*memory->releases;
    delete memory;
  }
};

inline int AddReference(evbuffer* buffer, std::string text, int* releases) {
  auto* memory = new ReferencedMemory{releases, std::move(text)};
  int result =
      evbuffer_add_reference(buffer, memory->text.data(), memory->text.size(),
                             &ReferencedMemory::Release, memory);
  if (result != 0) delete memory;
  return result;
}

// An unlinked file that holds `text`; the fd is the caller's.
inline int FileWith(std::string_view text) {
  std::string name = testing::TempDir() + "/evoke_buffer_XXXXXX";
  int fd = mkstemp(name.data());
  EXPECT_GE(fd, 0);
  unlink(name.c_str());
  EXPECT_EQ(write(fd, text.data(), text.size()),
            static_cast<ssize_t>(text.size()));
  return fd;
}

}  // namespace evoke

#endif  // EVOKE_TESTS_BUFFER_BUFFER_CHECKS_H_
