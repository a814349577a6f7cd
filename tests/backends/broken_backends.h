// SPDX-License-Identifier: BSD-3-Clause
//
// Backends that each break one promise, to see that the conformance suite says
// so. Each is a sound one with a wrapper around it that lies in one way.
#ifndef EVOKE_TESTS_BACKENDS_BROKEN_BACKENDS_H_
#define EVOKE_TESTS_BACKENDS_BROKEN_BACKENDS_H_

#include <evoke/backend.h>

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace evoke::testing {

// The state of a wrapper.
struct Wrapped {
  void* inner = nullptr;
  std::mutex mutex;  // for the rest, not held while `inner` waits
  std::map<int, short> interests;
  std::map<int, bool> first_edge;
  std::set<int> changed_this_turn;
  std::vector<evoke_ready> left_over;  // found no room in the sink
  bool is_poisoned = false;
  int own_fd = -1;
};

// What a wrapper does in place of the sound backend. Empty: the same.
struct Lies {
  std::function<void*(const evoke_backend_options*)> open;
  std::function<void(Wrapped*)> close;
  // Return by SoundChange(), or not.
  std::function<int(Wrapped*, int fd, short from, short to, int edge)> change;
  // Changes the timeout that the sound backend waits.
  std::function<int64_t(Wrapped*, int64_t timeout_us)> timeout;
  // Sees and changes what is reported, and what wait() returns.
  std::function<int(Wrapped*, int64_t timeout_us, int64_t waited_us, int result,
                    std::vector<evoke_ready>*)>
      reports;
  std::function<int(Wrapped*)> forked;
  bool drops_what_finds_no_room = false;
  const evoke_backend* sound = nullptr;  // epoll, if null
  unsigned more_flags = 0;
};

int SoundChange(Wrapped* self, int fd, short from, short to, int edge);

struct BrokenBackend {
  std::string name;
  std::string promise;  // the one that is found broken, among others perhaps
  Lies lies;
};

// All of them; the first lies about nothing.
const std::vector<BrokenBackend>& BrokenBackends();

// The table of one of them; one at a time.
evoke_backend TableOf(const BrokenBackend& broken);

}  // namespace evoke::testing

#endif  // EVOKE_TESTS_BACKENDS_BROKEN_BACKENDS_H_
