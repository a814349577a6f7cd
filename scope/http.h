// SPDX-License-Identifier: BSD-3-Clause
//
// As much of HTTP/1.1 (RFC 9112) as one read-only page needs: a request's head
// is read, an answer's head is written, and the connection is closed.
#ifndef EVOKE_SCOPE_HTTP_H_
#define EVOKE_SCOPE_HTTP_H_

#include <stddef.h>
#include <stdint.h>

#include "scope/text.h"

namespace evoke::scope {

// No head may be longer: room for the cookies of others on the same host.
inline constexpr size_t kRequestBytes = 16384;

enum class Page { kNone, kPage, kState };

struct Request {
  int status = 400;  // what to answer: 200, or an error of HTTP
  Page page = Page::kNone;
  bool head_only = false;
  int base = 0;       // of /state: which base
  int64_t since = 0;  // of /state: turns from here on
};

// What a request must have to be answered.
struct Guard {
  const char* token;  // "token=" in the query
  // Whether "Host:" must be a loopback name or address, so that no page of
  // another site can reach this one by a name of its own (DNS rebinding).
  bool loopback_only;
  // The address that is served, with or without its port: allowed, too.
  const char* host;
};

// Whether the head is complete, that is, ends with an empty line.
bool IsWhole(const char* head, size_t size);

// `head` is whole, and ends with a NUL behind its `size` bytes.
Request Parse(const char* head, size_t size, const Guard& guard);

// A whole answer: head and, unless `head_only`, body.
void AddAnswer(int status, const char* type, const char* body, size_t size,
               bool head_only, Text* out);

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_HTTP_H_
