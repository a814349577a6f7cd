// SPDX-License-Identifier: BSD-3-Clause
#include "scope/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

namespace evoke::scope {

namespace {

const char* ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 421:
      return "Misdirected Request";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Bad Request";
  }
}

// A piece of the request.
struct Piece {
  const char* bytes = nullptr;
  size_t size = 0;
  bool Is(const char* text) const {
    return size == strlen(text) && memcmp(bytes, text, size) == 0;
  }
};

// The value of `name` in a query "a=1&b=2"; without bytes if it is not there.
Piece ValueOf(Piece query, const char* name) {
  const size_t length = strlen(name);
  const char* end = query.bytes + query.size;
  for (const char* p = query.bytes; p < end;) {
    const auto* next = static_cast<const char*>(memchr(p, '&', end - p));
    if (next == nullptr) next = end;
    if (static_cast<size_t>(next - p) > length && p[length] == '=' &&
        memcmp(p, name, length) == 0) {
      return {p + length + 1, static_cast<size_t>(next - p) - length - 1};
    }
    p = next + 1;
  }
  return {};
}

int64_t NumberOf(Piece query, const char* name) {
  Piece value = ValueOf(query, name);
  int64_t number = 0;
  for (size_t i = 0; i < value.size; ++i) {
    if (value.bytes[i] < '0' || value.bytes[i] > '9') return 0;
    if (number > INT64_MAX / 10 - 10) return 0;
    number = number * 10 + (value.bytes[i] - '0');
  }
  return number;
}

// Takes the same time for whatever is wrong.
bool IsToken(Piece value, const char* token) {
  const size_t length = strlen(token);
  if (value.size != length) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < length; ++i) {
    difference |= static_cast<unsigned char>(value.bytes[i] ^ token[i]);
  }
  return difference == 0;
}

Piece HostOf(const char* head) {
  for (const char* line = strstr(head, "\r\n"); line != nullptr;
       line = strstr(line, "\r\n")) {
    line += 2;
    if (strncasecmp(line, "host:", 5) != 0) continue;
    const char* value = line + 5;
    while (*value == ' ' || *value == '\t') ++value;
    size_t size = strcspn(value, "\r\n");
    while (size > 0 && value[size - 1] == ' ') --size;
    return {value, size};
  }
  return {};
}

// Without the port, which stands behind the last colon outside of brackets.
Piece WithoutPort(Piece host) {
  const auto* colon =
      static_cast<const char*>(memrchr(host.bytes, ':', host.size));
  if (colon != nullptr &&
      memchr(colon, ']', host.bytes + host.size - colon) == nullptr) {
    host.size = static_cast<size_t>(colon - host.bytes);
  }
  return host;
}

bool IsOwnHost(Piece host, const char* own) {
  if (host.size == 0) return false;
  host = WithoutPort(host);
  const Piece served = WithoutPort({own, strlen(own)});
  return host.Is("127.0.0.1") || host.Is("localhost") || host.Is("[::1]") ||
         (host.size == served.size &&
          memcmp(host.bytes, served.bytes, host.size) == 0);
}

}  // namespace

bool IsWhole(const char* head, size_t size) {
  return memmem(head, size, "\r\n\r\n", 4) != nullptr;
}

Request Parse(const char* head, size_t size, const Guard& guard) {
  Request request;
  if (strlen(head) != size) return request;  // a NUL within
  const char* space = strchr(head, ' ');
  if (space == nullptr) return request;
  const Piece method = {head, static_cast<size_t>(space - head)};
  const Piece target = {space + 1, strcspn(space + 1, " \r\n")};
  if (strncmp(target.bytes + target.size, " HTTP/1.", 8) != 0) return request;
  if (!method.Is("GET") && !method.Is("HEAD")) {
    request.status = 405;
    return request;
  }
  request.head_only = method.Is("HEAD");
  if (guard.loopback_only && !IsOwnHost(HostOf(head), guard.host)) {
    request.status = 421;
    return request;
  }
  const auto* mark =
      static_cast<const char*>(memchr(target.bytes, '?', target.size));
  Piece path = target, query = {target.bytes + target.size, 0};
  if (mark != nullptr) {
    path.size = static_cast<size_t>(mark - target.bytes);
    query = {mark + 1, target.size - path.size - 1};
  }
  // Before anything is said of what there is.
  if (!IsToken(ValueOf(query, "token"), guard.token)) {
    request.status = 403;
    return request;
  }
  request.status = 200;
  if (path.Is("/")) {
    request.page = Page::kPage;
  } else if (path.Is("/state")) {
    request.page = Page::kState;
    request.base = static_cast<int>(NumberOf(query, "base") & 0xffff);
    request.since = NumberOf(query, "since");
  } else {
    request.status = 404;
  }
  return request;
}

void AddAnswer(int status, const char* type, const char* body, size_t size,
               bool head_only, Text* out) {
  out->Format(
      "HTTP/1.1 %d %s\r\nContent-Type: %s; charset=utf-8\r\n"
      "Content-Length: %zu\r\nConnection: close\r\nCache-Control: no-store\r\n"
      "Content-Security-Policy: default-src 'none'; connect-src 'self'; "
      "img-src data:; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
      "frame-ancestors 'none'\r\n"
      "Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\r\n",
      status, ReasonOf(status), type, size);
  if (!head_only) out->Add(body, size);
}

}  // namespace evoke::scope
