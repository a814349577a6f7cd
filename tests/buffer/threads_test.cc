// SPDX-License-Identifier: BSD-3-Clause
//
// Eight threads on four locked buffers, a counted number of operations each:
// every byte that was put in is taken out again or still there, with its value,
// and the callbacks have been told of each. Worth most under ThreadSanitizer.
#include <event2/event.h>
#include <event2/thread.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "buffer/chain_pool.h"
#include "tests/buffer/buffer_checks.h"

namespace evoke {
namespace {

constexpr int kThreads = 8;
constexpr int kOperations = 4000;  // of each thread
constexpr int kBuffers = 4;
constexpr int kDeferred = 3;  // the buffer whose callbacks the loop runs
constexpr size_t kFileBytes = 20000;

// How many bytes, and the sum of their values.
struct Amount {
  uint64_t bytes = 0;
  uint64_t sum = 0;

  void Add(const void* data, size_t n) {
    auto* values = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < n; ++i) sum += values[i];
    bytes += n;
  }
  void Add(const Amount& other) {
    bytes += other.bytes;
    sum += other.sum;
  }
};

std::atomic<int> g_references = 0;  // those whose cleanup has not run

// Told of every change with the buffer's lock held: no atomics.
struct Teller {
  uint64_t added = 0;
  uint64_t deleted = 0;

  static void Call(evbuffer*, const evbuffer_cb_info* info, void* arg) {
    static_cast<Teller*>(arg)->added += info->n_added;
    static_cast<Teller*>(arg)->deleted += info->n_deleted;
  }
};

struct Shared {
  event_base* base;
  // The loop's own, without a lock; its chains are from the loop's pool, like
  // those of two of the buffers below as long as the loop's thread uses them.
  evbuffer* of_loop;
  std::array<evbuffer*, kBuffers> buffers;
  std::array<Teller, kBuffers> tellers;
  std::vector<evbuffer_file_segment*> segments;  // nobody has looked at yet
  std::atomic<int> missing_workers = kThreads;
  std::string file_text;
};

class Worker {
 public:
  Worker(Shared* shared, int number) : shared_(shared), random_(number) {}

  void Run() {
    using Operation = void (Worker::*)();
    constexpr Operation kAll[] = {&Worker::AddCopy,
                                  &Worker::AddReferences,
                                  &Worker::AddFile,
                                  &Worker::AddView,
                                  &Worker::ViewOfAnotherThreads,
                                  &Worker::Reserve,
                                  &Worker::Remove,
                                  &Worker::Remove,
                                  &Worker::Drain,
                                  &Worker::MoveAll,
                                  &Worker::MoveSome,
                                  &Worker::Look,
                                  &Worker::TakeLine};
    // All at once, so that several look at a new segment first.
    --shared_->missing_workers;
    while (shared_->missing_workers > 0) std::this_thread::yield();
    for (size_t i = 0; i < shared_->segments.size(); ++i) AddPartOf(i);
    for (int i = 0; i < kOperations; ++i)
      (this->*kAll[Below(std::size(kAll))])();
  }

  Amount in, out;

 private:
  size_t Below(size_t end) { return random_() % end; }
  evbuffer* Any() { return shared_->buffers[Below(kBuffers)]; }
  std::string Text() {
    std::string text(1 + Below(300), '?');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }

  void AddCopy() {
    std::string text = Text();
    bool at_end = Below(2) == 0;
    auto* add = at_end ? &evbuffer_add : &evbuffer_prepend;
    ASSERT_EQ(add(Any(), text.data(), text.size()), 0);
    in.Add(text.data(), text.size());
  }

  void AddReferences() {
    for (int i = 0; i < 3; ++i) {
      auto* text = new std::string(Text());
      // Taken before: it may be gone by the time that the call returns.
      in.Add(text->data(), text->size());
      ++g_references;
      ASSERT_EQ(evbuffer_add_reference(
                    Any(), text->data(), text->size(),
                    [](const void*, size_t, void* arg) {
                      --g_references;
                      delete static_cast<std::string*>(arg);
                    },
                    text),
                0);
    }
  }

  void AddFile() { AddPartOf(Below(shared_->segments.size())); }
  void AddPartOf(size_t segment) {
    size_t offset = Below(kFileBytes - 300);
    size_t bytes = Below(300);
    ASSERT_EQ(evbuffer_add_file_segment(Any(), shared_->segments[segment],
                                        offset, bytes),
              0);
    in.Add(shared_->file_text.data() + offset, bytes);
  }

  // One buffer's bytes in two others, which outlive it.
  void AddView() {
    OwnedBuffer source = NewBuffer(Text());
    AddReferencesTo(source.get());
    Amount amount;
    std::string text = Contents(source.get());
    amount.Add(text.data(), text.size());
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(evbuffer_add_buffer_reference(Any(), source.get()), 0);
      in.Add(amount);
    }
  }

  void AddReferencesTo(evbuffer* source) {
    static constexpr char kText[] = "constant";
    ++g_references;
    evbuffer_add_reference(
        source, kText, sizeof(kText),
        [](const void*, size_t, void*) { --g_references; }, nullptr);
  }

  // A private view of what is in a buffer of all; refused when there are views
  // or files in it.
  void ViewOfAnotherThreads() {
    OwnedBuffer view(evbuffer_new());
    (void)evbuffer_add_buffer_reference(view.get(), Any());
    evbuffer* to = Any();
    std::string text = Contents(view.get());
    in.Add(text.data(), text.size());
    ASSERT_EQ(evbuffer_add_buffer(to, view.get()), 0);
  }

  void Reserve() {
    evbuffer* buffer = Any();
    std::string text = Text();
    evbuffer_iovec vec;
    evbuffer_lock(buffer);
    ASSERT_EQ(evbuffer_reserve_space(buffer, text.size(), &vec, 1), 1);
    memcpy(vec.iov_base, text.data(), text.size());
    vec.iov_len = text.size();
    ASSERT_EQ(evbuffer_commit_space(buffer, &vec, 1), 0);
    evbuffer_unlock(buffer);
    in.Add(text.data(), text.size());
  }

  void Remove() {
    char data[2000];
    int n = evbuffer_remove(Any(), data, 1 + Below(sizeof(data)));
    ASSERT_GE(n, 0);
    out.Add(data, n);
  }

  void Drain() {
    evbuffer* buffer = Any();
    char data[2000];
    evbuffer_lock(buffer);
    ev_ssize_t n = evbuffer_copyout(buffer, data, Below(sizeof(data)));
    ASSERT_GE(n, 0);
    ASSERT_EQ(evbuffer_drain(buffer, n), 0);
    evbuffer_unlock(buffer);
    out.Add(data, n);
  }

  void MoveAll() {
    bool to_end = Below(2) == 0;
    auto* move = to_end ? &evbuffer_add_buffer : &evbuffer_prepend_buffer;
    ASSERT_EQ(move(Any(), Any()), 0);
  }

  void MoveSome() {
    ASSERT_GE(evbuffer_remove_buffer(Any(), Any(), Below(3000)), 0);
  }

  void Look() {
    evbuffer* buffer = Any();
    evbuffer_search(buffer, "constant", 8, nullptr);
    evbuffer_lock(buffer);
    size_t bytes = std::min<size_t>(evbuffer_get_length(buffer), 1000);
    EXPECT_EQ(evbuffer_pullup(buffer, bytes) != nullptr, bytes > 0);
    CheckInvariants(buffer);
    evbuffer_unlock(buffer);
  }

  void TakeLine() {
    size_t bytes;
    char* line = evbuffer_readln(Any(), &bytes, EVBUFFER_EOL_LF);
    if (line == nullptr) return;
    out.Add(line, bytes);
    out.Add("\n", 1);
    free(line);
  }

  Shared* shared_;
  std::minstd_rand random_;
};

// Two locks of their own, and one that two buffers share.
void MakeBuffers(Shared* shared) {
  SharedLock* lock = SharedLock::Create();
  for (int i = 0; i < kBuffers; ++i) {
    evbuffer* buffer = evbuffer_new();
    if (i < 2) {
      ASSERT_EQ(evbuffer_enable_locking(buffer, nullptr), 0);
    } else {
      BufferShareLock(buffer, lock);
    }
    shared->buffers[i] = buffer;
    evbuffer_add_cb(buffer, &Teller::Call, &shared->tellers[i]);
  }
  lock->Unref();
  shared->of_loop = evbuffer_new();
  evbuffer* deferred = shared->buffers[kDeferred];
  evbuffer_add_cb(
      deferred,
      [](evbuffer*, const evbuffer_cb_info*, void* arg) {
        auto* of_loop = static_cast<evbuffer*>(arg);
        evbuffer_add(of_loop, "bytes", 5);
        evbuffer_drain(of_loop, 5);
      },
      shared->of_loop);
  evbuffer_defer_callbacks(deferred, shared->base);
  ChainPool* pool = ChainPool::Of(shared->base);
  for (evbuffer* buffer : {shared->of_loop, deferred, shared->buffers[0]}) {
    BufferSetPool(buffer, pool);
  }
}

void MakeSegments(Shared* shared) {
  for (size_t i = 0; i < kFileBytes; ++i)
    shared->file_text += char('a' + i % 26);
  for (unsigned flags : {0u, unsigned{EVBUF_FS_DISABLE_MMAP}}) {
    for (int i = 0; i < 30; ++i) {
      shared->segments.push_back(
          evbuffer_file_segment_new(FileWith(shared->file_text), 0, kFileBytes,
                                    flags | EVBUF_FS_CLOSE_ON_FREE));
      ASSERT_NE(shared->segments.back(), nullptr);
    }
  }
}

TEST(Threads, EveryByteIsAccountedFor) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  Shared shared;
  shared.base = event_base_new();
  MakeBuffers(&shared);
  MakeSegments(&shared);

  std::thread loop(
      [&shared] { event_base_loop(shared.base, EVLOOP_NO_EXIT_ON_EMPTY); });
  std::vector<Worker> workers;
  for (int i = 0; i < kThreads; ++i) workers.emplace_back(&shared, i + 1);
  std::vector<std::thread> threads;
  for (Worker& worker : workers) {
    threads.emplace_back([&worker] { worker.Run(); });
  }
  for (std::thread& thread : threads) thread.join();
  event_base_loopbreak(shared.base);
  loop.join();
  event_base_loop(shared.base, EVLOOP_NONBLOCK);  // what is deferred still
  for (evbuffer_file_segment* segment : shared.segments) {
    evbuffer_file_segment_free(segment);
  }

  Amount in, out;
  for (const Worker& worker : workers) {
    in.Add(worker.in);
    out.Add(worker.out);
  }
  for (int i = 0; i < kBuffers; ++i) {
    SCOPED_TRACE(i);
    std::string left = Contents(shared.buffers[i]);
    out.Add(left.data(), left.size());
    EXPECT_EQ(shared.tellers[i].added - shared.tellers[i].deleted, left.size());
    EXPECT_EQ(shared.buffers[i]->refs, 1u);
    evbuffer_free(shared.buffers[i]);
  }
  EXPECT_EQ(in.bytes, out.bytes);
  EXPECT_EQ(in.sum, out.sum);
  EXPECT_GT(in.bytes, uint64_t{kThreads} * kOperations);
  EXPECT_EQ(g_references, 0);
  evbuffer_free(shared.of_loop);
  event_base_free(shared.base);
}

}  // namespace
}  // namespace evoke
