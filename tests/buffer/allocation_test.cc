// SPDX-License-Identifier: BSD-3-Clause
//
// Every operation with its n-th allocation failing, for every n: it must report
// the failure, leave the buffers byte for byte as they were, call nobody back,
// and lose no memory.
#include <event2/buffer_compat.h>
#include <event2/event.h>
#include <sys/socket.h>

#include <functional>

#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

int g_until_failure = -1;  // allocations that still succeed; -1: all do
int g_outstanding = 0;

bool Fails() {
  if (g_until_failure < 0) return false;
  if (g_until_failure == 0) return true;
  --g_until_failure;
  return false;
}

void* CountedMalloc(size_t size) {
  if (Fails()) return nullptr;
  ++g_outstanding;
  return malloc(size);
}

void* CountedRealloc(void* memory, size_t size) {
  if (Fails()) return nullptr;
  if (memory == nullptr) ++g_outstanding;
  return realloc(memory, size);
}

void CountedFree(void* memory) {
  if (memory != nullptr) --g_outstanding;
  free(memory);
}

// Two buffers with chains of several kinds, and a socket with bytes in it.
struct World {
  evbuffer* a = evbuffer_new();
  evbuffer* b = evbuffer_new();
  int sockets[2];
  int releases = 0;
  int callbacks = 0;

  World() {
    evbuffer_add(a, "first\r\n", 7);
    AddReference(a, std::string(900, 'r'), &releases);
    evbuffer_add(a, std::string(3000, 'x').data(), 3000);
    evbuffer_add(b, "b", 1);
    AddReference(b, "ref", &releases);
    for (evbuffer* buffer : {a, b}) evbuffer_add_cb(buffer, &Count, this);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets);
    std::string text(5000, 's');
    EXPECT_EQ(write(sockets[0], text.data(), text.size()), 5000);
  }
  ~World() {
    evbuffer_free(a);
    evbuffer_free(b);
    close(sockets[0]);
    close(sockets[1]);
  }
  static void Count(evbuffer*, const evbuffer_cb_info*, void* arg) {
    ++static_cast<World*>(arg)->callbacks;
  }
};

struct Operation {
  const char* name;
  // True when it did what it is for.
  std::function<bool(World&)> run;
};

class FailingAllocation : public testing::TestWithParam<Operation> {
 protected:
  static void SetUpTestSuite() {
    event_set_mem_functions(&CountedMalloc, &CountedRealloc, &CountedFree);
  }
  static void TearDownTestSuite() {
    event_set_mem_functions(nullptr, nullptr, nullptr);
  }
};

TEST_P(FailingAllocation, LeavesEverythingAsItWas) {
  bool failed_once = false;
  for (int n = 0;; ++n) {
    ASSERT_LT(n, 100);
    bool done;
    {
      World world;
      std::string a = Contents(world.a), b = Contents(world.b);
      g_until_failure = n;
      done = GetParam().run(world);
      bool all_succeeded = g_until_failure > 0;
      g_until_failure = -1;
      CheckInvariants(world.a);
      CheckInvariants(world.b);
      if (!done) {
        failed_once = true;
        EXPECT_TRUE(Contents(world.a) == a);
        EXPECT_TRUE(Contents(world.b) == b);
        EXPECT_EQ(world.callbacks, 0);
        EXPECT_EQ(world.releases, 0);
      }
      // An operation may do without (a read without its spill), but not be
      // refused once nothing fails.
      EXPECT_TRUE(done || !all_succeeded);
      if (all_succeeded) n = -2;
    }
    EXPECT_EQ(g_outstanding, 0);
    if (n == -2) break;
  }
  EXPECT_TRUE(failed_once) << "it never allocates: no test of failure";
}

bool AddSegment(World& world, unsigned flags, int fd) {
  evbuffer_file_segment* segment =
      evbuffer_file_segment_new(fd, 0, -1, flags | EVBUF_FS_CLOSE_ON_FREE);
  if (segment == nullptr) {
    close(fd);
    return false;
  }
  int result = evbuffer_add_file_segment(world.a, segment, 0, -1);
  evbuffer_file_segment_free(segment);
  return result == 0;
}

const Operation kOperations[] = {
    {"add",
     [](World& w) {
       std::string text(100000, 'y');
       return evbuffer_add(w.a, text.data(), text.size()) == 0;
     }},
    {"add_iovec",
     [](World& w) {
       std::string text(6000, 'y');
       evbuffer_iovec vec[2] = {{text.data(), 3000}, {text.data(), 6000}};
       return evbuffer_add_iovec(w.a, vec, 2) == 9000;
     }},
    {"add_printf",
     [](World& w) { return evbuffer_add_printf(w.a, "%5000d", 7) == 5000; }},
    {"prepend",
     [](World& w) { return evbuffer_prepend(w.a, "header", 6) == 0; }},
    {"expand", [](World& w) { return evbuffer_expand(w.a, 10000) == 0; }},
    {"reserve_one",
     [](World& w) {
       evbuffer_iovec vec[1];
       return evbuffer_reserve_space(w.a, 10000, vec, 1) == 1;
     }},
    {"reserve_several",
     [](World& w) {
       evbuffer_iovec vec[4];
       return evbuffer_reserve_space(w.a, 10000, vec, 4) > 0;
     }},
    {"pullup", [](World& w) { return evbuffer_pullup(w.a, 1000) != nullptr; }},
    {"find",
     [](World& w) {
       auto* what = reinterpret_cast<const unsigned char*>("rx");
       return evbuffer_find(w.a, what, 2) != nullptr;
     }},
    {"readln",
     [](World& w) {
       char* line = evbuffer_readln(w.a, nullptr, EVBUFFER_EOL_CRLF);
       if (line == nullptr) return false;
       CountedFree(line);
       return true;
     }},
    {"remove_buffer",
     [](World& w) { return evbuffer_remove_buffer(w.a, w.b, 500) == 500; }},
    {"add_reference",
     [](World& w) { return AddReference(w.a, "more", &w.releases) == 0; }},
    {"add_buffer_reference",
     [](World& w) { return evbuffer_add_buffer_reference(w.b, w.a) == 0; }},
    {"add_cb",
     [](World& w) {
       return evbuffer_add_cb(w.a, &World::Count, nullptr) != nullptr;
     }},
    {"setcb",
     [](World& w) {
       auto fn = [](evbuffer*, size_t, size_t, void*) {};
       return evbuffer_setcb(w.a, fn, nullptr) == 0;
     }},
    {"read",
     [](World& w) {
       OwnedBuffer fresh(evbuffer_new());
       if (fresh == nullptr) return false;
       return evbuffer_read(fresh.get(), w.sockets[1], -1) > 0;
     }},
    {"read_for_bufferevent",
     [](World& w) {
       OwnedBuffer fresh(evbuffer_new());
       if (fresh == nullptr) return false;
       return BufferReadFd(fresh.get(), w.sockets[1], 10000) > 0;
     }},
    {"file_by_sendfile",
     [](World& w) {
       evbuffer_set_flags(w.a, EVBUFFER_FLAG_DRAINS_TO_FD);
       return AddSegment(w, 0, FileWith("file"));
     }},
    {"file_by_mmap",
     [](World& w) { return AddSegment(w, 0, FileWith("file")); }},
    {"file_by_read",
     [](World& w) {
       return AddSegment(w, EVBUF_FS_DISABLE_MMAP, FileWith("file"));
     }},
    {"new_buffer",
     [](World&) { return OwnedBuffer(evbuffer_new()) != nullptr; }},
};

INSTANTIATE_TEST_SUITE_P(Operations, FailingAllocation,
                         testing::ValuesIn(kOperations), [](const auto& info) {
                           return std::string(info.param.name);
                         });

// Bytes that the kernel handed over are kept even when there is no memory for
// anything but the room that they came into.
TEST(FailingAllocationInRead, LosesNoByte) {
  event_set_mem_functions(&CountedMalloc, &CountedRealloc, &CountedFree);
  for (int n = 1; n < 6; ++n) {
    World world;
    size_t before = evbuffer_get_length(world.a);
    std::string got;
    for (int reads = 0; got.size() < 5000; ++reads) {
      ASSERT_LT(reads, 100);
      g_until_failure = n;
      ssize_t bytes = BufferReadFd(world.a, world.sockets[1], 100000);
      g_until_failure = -1;
      ASSERT_GT(bytes, 0);
      got = Contents(world.a).substr(before);
    }
    EXPECT_TRUE(got == std::string(5000, 's'));
  }
  EXPECT_EQ(g_outstanding, 0);
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

}  // namespace
}  // namespace evoke
