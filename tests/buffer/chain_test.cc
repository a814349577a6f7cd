// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/chain.h"

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

TEST(Chain, CapacityIsTheNextPowerOfTwoThenTheNextPage) {
  EXPECT_EQ(ChainCapacityFor(0), 512u);
  EXPECT_EQ(ChainCapacityFor(512), 512u);
  EXPECT_EQ(ChainCapacityFor(513), 1024u);
  EXPECT_EQ(ChainCapacityFor(16384), 16384u);
  EXPECT_EQ(ChainCapacityFor(65536), 65536u);
  EXPECT_EQ(ChainCapacityFor(65537), 65536u + 4096u);
}

TEST(Chain, WhatCanNeverFitIsRefused) {
  EXPECT_EQ(ChainNew(nullptr, SIZE_MAX), nullptr);
  EXPECT_EQ(ChainNew(nullptr, kMaxBufferBytes), nullptr);
}

TEST(Chain, RealignMakesRoomBehindTheBytes) {
  Chain* chain = ChainNew(nullptr, 512);
  memcpy(chain->memory + 500, "tail", 4);
  chain->begin = 500;
  chain->length_bytes = 4;
  EXPECT_EQ(chain->room(), 8u);
  ChainRealign(chain);
  EXPECT_EQ(chain->room(), 508u);
  EXPECT_EQ(memcmp(chain->bytes(), "tail", 4), 0);
  ChainUnref(chain, nullptr);
}

TEST(Chain, ASharedOneKeepsItsSourceAndMakesItImmutable) {
  int releases = 0;
  auto* memory = new ReferencedMemory{&releases, "bytes"};
  Chain* source = ChainNewReference(memory->text.data(), 5,
                                    &ReferencedMemory::Release, memory);
  Chain* shared = ChainNewShared(source);
  EXPECT_TRUE(source->immutable);
  EXPECT_EQ(shared->room(), 0u);
  ChainUnref(source, nullptr);
  EXPECT_EQ(releases, 0);
  EXPECT_EQ(memcmp(shared->bytes(), "bytes", 5), 0);
  ChainUnref(shared, nullptr);
  EXPECT_EQ(releases, 1);
}

}  // namespace
}  // namespace evoke
