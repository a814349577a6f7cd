// SPDX-License-Identifier: BSD-3-Clause
//
// Socket addresses as text, and back. The public calls are in event2/util.h;
// this is what the library itself needs beyond them.
#ifndef EVOKE_UTIL_ADDRESS_H_
#define EVOKE_UTIL_ADDRESS_H_

#include <stddef.h>
#include <sys/socket.h>

namespace evoke {

// Room that is enough for any text of FormatSockaddrPort().
inline constexpr size_t kSockaddrTextBytes = 128;

// Writes `address` to the `text_bytes` at `text`, cut off to fit, with a NUL:
// "1.2.3.4:80", "[::1]:80", "/path" or "@abstract" for a Unix socket, and else
// "<family N>". `address_bytes` is the length that the kernel gave. Returns
// `text`, for use inside a log call. Thread-safe.
const char* FormatSockaddrPort(const sockaddr* address, socklen_t address_bytes,
                               char* text, size_t text_bytes);

}  // namespace evoke

#endif  // EVOKE_UTIL_ADDRESS_H_
