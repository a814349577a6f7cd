// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes that are put together piece by piece: the answers of the page's server.
#ifndef EVOKE_SCOPE_TEXT_H_
#define EVOKE_SCOPE_TEXT_H_

#include <stddef.h>
#include <stdint.h>

#include "absl/base/attributes.h"

namespace evoke::scope {

class Text {
 public:
  Text() = default;
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  ~Text();

  void Add(const char* bytes, size_t count);
  void Add(const char* text);
  void Format(const char* format, ...) ABSL_PRINTF_ATTRIBUTE(2, 3);
  // In quotation marks, as a string of JSON. Bytes that are no UTF-8 come out
  // as they are for what is below 0x80, and as '?' above.
  void AddJsonString(const char* text);

  // The bytes are the caller's from now on, to be given to Free(); null when
  // memory was short at any time.
  char* Release(size_t* count);

  const char* data() const { return bytes_; }
  size_t size() const { return size_; }
  bool failed() const { return failed_; }

 private:
  bool Reserve(size_t more);

  char* bytes_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  bool failed_ = false;
};

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_TEXT_H_
