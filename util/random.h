// SPDX-License-Identifier: BSD-3-Clause
//
// Random bytes that nobody can predict. They are the kernel's, straight from
// getrandom(2): there is no state here that fork() could copy. The public calls
// are in event2/util.h.
#ifndef EVOKE_UTIL_RANDOM_H_
#define EVOKE_UTIL_RANDOM_H_

#include <stddef.h>

namespace evoke {

// Fills the `count` bytes at `out`. Waits only when the machine has just
// booted. Returns false when the kernel gives none, neither by call nor by
// /dev/urandom; the bytes are unspecified then. Keeps errno. Thread-safe.
[[nodiscard]] bool FillWithRandomBytes(void* out, size_t count);

}  // namespace evoke

#endif  // EVOKE_UTIL_RANDOM_H_
