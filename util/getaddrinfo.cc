// SPDX-License-Identifier: BSD-3-Clause
//
// Name lookup by libc, which waits for the answer. Lists are libc's own, so a
// program may mix these calls with getaddrinfo(3) and freeaddrinfo(3).
#include <errno.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "util/log.h"

namespace {

// A flag that libevent keeps to itself: it marks lists that it made without
// libc. In hints it says nothing, and libc would refuse it.
constexpr int kReservedFlag = INT32_MIN;

struct ErrorText {
  int error;
  const char* text;
};

// The words that libevent uses; programs log and compare them.
constexpr ErrorText kErrorTexts[] = {
    {0, "No error"},
    {EVUTIL_EAI_CANCEL, "Request canceled"},
    {EVUTIL_EAI_ADDRFAMILY, "address family for nodename not supported"},
    {EVUTIL_EAI_AGAIN, "temporary failure in name resolution"},
    {EVUTIL_EAI_BADFLAGS, "invalid value for ai_flags"},
    {EVUTIL_EAI_FAIL, "non-recoverable failure in name resolution"},
    {EVUTIL_EAI_FAMILY, "ai_family not supported"},
    {EVUTIL_EAI_MEMORY, "memory allocation failure"},
    {EVUTIL_EAI_NODATA, "no address associated with nodename"},
    {EVUTIL_EAI_NONAME, "nodename nor servname provided, or not known"},
    {EVUTIL_EAI_SERVICE, "servname not supported for ai_socktype"},
    {EVUTIL_EAI_SOCKTYPE, "ai_socktype not supported"},
    {EVUTIL_EAI_SYSTEM, "system error"},
};

bool IsUnknown(int result) {
  return result == EAI_NONAME || result == EAI_AGAIN || result == EAI_FAIL ||
         result == EAI_NODATA;
}

// Whether `result` is since nobody knows "localhost". A machine that knows it
// in another family than the hints ask for means what it says.
bool IsUnknownLocalhost(int result, const char* nodename,
                        const evutil_addrinfo& hints) {
  if (!IsUnknown(result) || nodename == nullptr ||
      strcasecmp(nodename, "localhost") != 0 ||
      (hints.ai_flags & AI_NUMERICHOST)) {
    return false;
  }
  if (hints.ai_family == AF_UNSPEC && !(hints.ai_flags & AI_ADDRCONFIG)) {
    return true;
  }
  evutil_addrinfo any = {};
  any.ai_socktype = SOCK_STREAM;
  evutil_addrinfo* list = nullptr;
  if (getaddrinfo(nodename, nullptr, &any, &list) != 0) return true;
  freeaddrinfo(list);
  return false;
}

// It is the loopback even where no hosts file says so and no name server is
// asked: RFC 6761, section 6.3.
int LookUpLoopback(const char* servname, evutil_addrinfo hints,
                   evutil_addrinfo** res) {
  bool wants_name = (hints.ai_flags & AI_CANONNAME) != 0;
  // With AI_ADDRCONFIG the loopback alone would be no address at all.
  hints.ai_flags &= ~(AI_ADDRCONFIG | AI_CANONNAME);
  hints.ai_flags |= AI_NUMERICHOST;
  const char* address = hints.ai_family == AF_INET6 ? "::1" : "127.0.0.1";
  int result = getaddrinfo(address, servname, &hints, res);
  if (result != 0 || !wants_name) return result;
  // Freed with the list, by libc.
  (*res)->ai_canonname = strdup("localhost");
  if ((*res)->ai_canonname != nullptr) return 0;
  freeaddrinfo(*res);
  *res = nullptr;
  return EAI_MEMORY;
}

}  // namespace

extern "C" {

int evutil_getaddrinfo(const char* nodename, const char* servname,
                       const evutil_addrinfo* hints_in, evutil_addrinfo** res) {
  if (res == nullptr) {
    evoke::LogWarn("%s: no room for the list", __func__);
    errno = EINVAL;
    return EVUTIL_EAI_SYSTEM;
  }
  evutil_addrinfo hints = {};
  if (hints_in != nullptr) hints = *hints_in;
  hints.ai_flags &= ~kReservedFlag;
  int result = getaddrinfo(nodename, servname, &hints, res);
  if (IsUnknownLocalhost(result, nodename, hints)) {
    return LookUpLoopback(servname, hints, res);
  }
  return result;
}

void evutil_freeaddrinfo(evutil_addrinfo* ai) {
  if (ai != nullptr) freeaddrinfo(ai);
}

const char* evutil_gai_strerror(int err) {
  for (const ErrorText& entry : kErrorTexts) {
    if (entry.error == err) return entry.text;
  }
  return gai_strerror(err);
}

}  // extern "C"
