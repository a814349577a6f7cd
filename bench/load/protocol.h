// SPDX-License-Identifier: BSD-3-Clause
//
// What a client says around its messages. Most servers echo bytes as they come,
// and nothing is around them. Servers on a messaging library want a handshake
// and frames, and then echo as well: what answers a request is the same frame
// again. So one client (client.h) can put all of them under the same load.
#ifndef EVOKE_BENCH_LOAD_PROTOCOL_H_
#define EVOKE_BENCH_LOAD_PROTOCOL_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace evoke::load {

struct Protocol {
  absl::string_view name;
  std::string hello;         // of the client, before its first message
  std::string welcome;       // how the server's begins
  size_t welcome_bytes = 0;  // and how long it is
  // `body` as it is on the wire, and comes back.
  std::string (*frame)(const std::string& body);
};

// Bytes.
const Protocol& Raw();
// nanomsg's requests: "Scalability Protocols over TCP" (sp-tcp-mapping-01) and
// "Request/Reply" (sp-request-reply-01) of its rfc folder.
const Protocol& SpRequests();
// ZeroMQ's requests: ZMTP 3.0 (https://rfc.zeromq.org/spec/23), mechanism NULL.
const Protocol& ZmtpRequests();

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_PROTOCOL_H_
