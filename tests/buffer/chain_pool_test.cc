// SPDX-License-Identifier: BSD-3-Clause
#include "buffer/chain_pool.h"

#include <vector>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

// Under AddressSanitizer pools keep nothing, on purpose.
bool PoolsKeep() {
  ChainPool* pool = ChainPool::Create(/*shared=*/false);
  Chain* chain = ChainNew(nullptr, 512);
  bool kept = pool->Give(chain);
  if (!kept) ChainUnref(chain, nullptr);
  pool->Close();
  return kept;
}

TEST(ChainPool, GivesBackWhatItGot) {
  if (!PoolsKeep()) GTEST_SKIP() << "pools are off";
  ChainPool* pool = ChainPool::Create(/*shared=*/false);
  Chain* chain = ChainNew(pool, 3000);
  chain->begin = 7;
  chain->length_bytes = 9;
  ChainUnref(chain, pool);
  EXPECT_EQ(pool->Take(2048), nullptr);
  EXPECT_EQ(ChainNew(pool, 4096), chain);
  EXPECT_EQ(chain->length_bytes, 0u);
  EXPECT_EQ(chain->room(), 4096u);
  EXPECT_EQ(pool->Take(4096), nullptr);
  ChainUnref(chain, pool);
  pool->Close();
}

TEST(ChainPool, KeepsAMegabyteAtMost) {
  if (!PoolsKeep()) GTEST_SKIP() << "pools are off";
  ChainPool* pool = ChainPool::Create(/*shared=*/false);
  std::vector<Chain*> chains;
  for (int i = 0; i < 20; ++i) chains.push_back(ChainNew(nullptr, 65536));
  int kept = 0;
  for (Chain* chain : chains) {
    if (pool->Give(chain)) {
      ++kept;
    } else {
      ChainUnref(chain, nullptr);
    }
  }
  EXPECT_EQ(kept, 16);
  Chain* large = ChainNew(nullptr, 100000);
  EXPECT_FALSE(pool->Give(large));
  ChainUnref(large, nullptr);
  pool->Close();
}

TEST(ChainPool, BuffersOutliveTheirLoop) {
  ChainPool* pool = ChainPool::Create(/*shared=*/false);
  OwnedBuffer buffer = NewBuffer();
  BufferSetPool(buffer.get(), pool);
  evbuffer_add(buffer.get(), "before", 6);
  pool->Close();
  evbuffer_drain(buffer.get(), 6);
  EXPECT_EQ(pool->Take(512), nullptr) << "a closed pool keeps nothing";
  evbuffer_add(buffer.get(), "after", 5);
  EXPECT_EQ(Contents(buffer.get()), "after");
}

TEST(ChainPool, ChainsWanderBetweenBuffersWithAndWithoutOne) {
  ChainPool* pool = ChainPool::Create(/*shared=*/false);
  OwnedBuffer pooled = NewBuffer(), plain = NewBuffer();
  BufferSetPool(pooled.get(), pool);
  for (int i = 0; i < 100; ++i) {
    evbuffer_add(pooled.get(), "there", 5);
    evbuffer_add_buffer(plain.get(), pooled.get());
    evbuffer_add(plain.get(), " and back", 9);
    evbuffer_add_buffer(pooled.get(), plain.get());
    EXPECT_EQ(Contents(pooled.get()), "there and back");
    evbuffer_drain(pooled.get(), 14);
  }
  pool->Close();
}

}  // namespace
}  // namespace evoke
