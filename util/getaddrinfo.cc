// SPDX-License-Identifier: BSD-3-Clause
//
// Name lookup by libc, which waits for the answer. Lists are libc's own, so a
// program may mix these calls with getaddrinfo(3) and freeaddrinfo(3).
#include <errno.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdint.h>
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

// "localhost" is the loopback even where no hosts file says so and no name
// server is asked: RFC 6761, section 6.3.
bool MayBeUnknownLocalhost(int result, const char* nodename,
                           const evutil_addrinfo& hints) {
  return (result == EAI_NONAME || result == EAI_AGAIN || result == EAI_FAIL ||
          result == EAI_NODATA) &&
         nodename != nullptr && strcasecmp(nodename, "localhost") == 0 &&
         !(hints.ai_flags & AI_NUMERICHOST);
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
  if (MayBeUnknownLocalhost(result, nodename, hints)) {
    hints.ai_flags = (hints.ai_flags & ~AI_ADDRCONFIG) | AI_NUMERICHOST;
    nodename = hints.ai_family == AF_INET6 ? "::1" : "127.0.0.1";
    result = getaddrinfo(nodename, servname, &hints, res);
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
