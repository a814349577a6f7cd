// SPDX-License-Identifier: BSD-3-Clause
#include "util/random.h"

#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "util/log.h"
#include "util/socket.h"

namespace {

// For kernels, and sandboxes, without getrandom(2).
bool FillFromDevice(char* out, size_t count) {
  const int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  while (count > 0) {
    const ssize_t got = read(fd, out, count);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out += got;
    count -= static_cast<size_t>(got);
  }
  evoke::CloseKeepingErrno(fd);
  return count == 0;
}

}  // namespace

namespace evoke {

bool FillWithRandomBytes(void* out, size_t count) {
  const int saved_errno = errno;
  char* next = static_cast<char*>(out);
  bool filled = true;
  while (filled && count > 0) {
    // More than 256 bytes may come in pieces.
    const ssize_t got = getrandom(next, count, 0);
    if (got > 0) {
      next += got;
      count -= static_cast<size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      filled = FillFromDevice(next, count);
      count = 0;
    }
  }
  errno = saved_errno;
  return filled;
}

}  // namespace evoke

extern "C" {

void evutil_secure_rng_get_bytes(void* buf, size_t n) {
  if (buf == nullptr && n > 0) {
    evoke::LogWarn("%s: no room", __func__);
    return;
  }
  if (!evoke::FillWithRandomBytes(buf, n)) {
    evoke::LogFatal(EXIT_FAILURE, "the system has no source of randomness");
  }
}

int evutil_secure_rng_init(void) {
  char byte;
  return evoke::FillWithRandomBytes(&byte, sizeof(byte)) ? 0 : -1;
}

// There is no generator of our own that a file could seed, so every call comes
// too late, as from a libevent that has arc4random_buf(3).
int evutil_secure_rng_set_urandom_device_file(char* /*fname*/) { return -1; }

// The kernel mixes its own sources; what a program adds could not improve on
// them.
void evutil_secure_rng_add_bytes(const char* /*dat*/, size_t /*datlen*/) {}

}  // extern "C"
