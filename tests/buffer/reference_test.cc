// SPDX-License-Identifier: BSD-3-Clause
#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

TEST(AddReference, IsReleasedOnceWhenDrained) {
  OwnedBuffer buffer = NewBuffer();
  int releases = 0;
  AddReference(buffer.get(), "abc", &releases);
  evbuffer_drain(buffer.get(), 2);
  EXPECT_EQ(releases, 0);
  evbuffer_drain(buffer.get(), 1);
  EXPECT_EQ(releases, 1);
}

TEST(AddReference, IsReleasedWithTheBuffer) {
  int releases = 0;
  {
    OwnedBuffer buffer = NewBuffer();
    AddReference(buffer.get(), "abc", &releases);
    AddReference(buffer.get(), "def", &releases);
  }
  EXPECT_EQ(releases, 2);
}

TEST(AddReference, AnEmptyOneIsReleasedWhenItsTurnComes) {
  OwnedBuffer buffer = NewBuffer();
  int releases = 0;
  AddReference(buffer.get(), "", &releases);
  EXPECT_EQ(releases, 0);
  evbuffer_add(buffer.get(), "x", 1);
  EXPECT_EQ(releases, 1);
  AddReference(buffer.get(), "", &releases);
  evbuffer_drain(buffer.get(), 1);
  EXPECT_EQ(releases, 2);
}

TEST(AddReference, NoMemoryWithALengthIsRefused) {
  OwnedBuffer buffer = NewBuffer();
  EXPECT_EQ(evbuffer_add_reference(buffer.get(), nullptr, 3, nullptr, nullptr),
            -1);
  EXPECT_EQ(evbuffer_add_reference(buffer.get(), nullptr, 0, nullptr, nullptr),
            0);
}

// The cleanup may use the buffer it comes from.
void AddFromCleanup(const void*, size_t, void* arg) {
  evbuffer_add(static_cast<evbuffer*>(arg), "again", 5);
}

TEST(AddReference, TheCleanupMayAddToTheBuffer) {
  OwnedBuffer buffer = NewBuffer();
  evbuffer_add_reference(buffer.get(), "abc", 3, &AddFromCleanup, buffer.get());
  evbuffer_drain(buffer.get(), 3);
  EXPECT_EQ(Contents(buffer.get()), "again");
  CheckInvariants(buffer.get());
}

}  // namespace
}  // namespace evoke
