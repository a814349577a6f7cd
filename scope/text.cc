// SPDX-License-Identifier: BSD-3-Clause
#include "scope/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "scope/memory.h"

namespace evoke::scope {

Text::~Text() { Free(bytes_); }

bool Text::Reserve(size_t more) {
  if (failed_) return false;
  if (size_ + more <= capacity_) return true;
  size_t capacity = capacity_ * 2 + more + 256;
  auto* bytes = static_cast<char*>(evoke_realloc(bytes_, capacity));
  if (bytes == nullptr) {
    failed_ = true;
    return false;
  }
  bytes_ = bytes;
  capacity_ = capacity;
  return true;
}

void Text::Add(const char* bytes, size_t count) {
  if (!Reserve(count)) return;
  memcpy(bytes_ + size_, bytes, count);
  size_ += count;
}

void Text::Add(const char* text) { Add(text, strlen(text)); }

void Text::Format(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(nullptr, 0, format, arguments);
  va_end(arguments);
  // One more, since vsnprintf writes an end that is not counted.
  if (length < 0 || !Reserve(static_cast<size_t>(length) + 1)) return;
  va_start(arguments, format);
  vsnprintf(bytes_ + size_, static_cast<size_t>(length) + 1, format, arguments);
  va_end(arguments);
  size_ += static_cast<size_t>(length);
}

void Text::AddJsonString(const char* text) {
  Add("\"", 1);
  for (const char* p = text; *p != '\0'; ++p) {
    const auto byte = static_cast<unsigned char>(*p);
    if (byte == '"' || byte == '\\') {
      Add("\\", 1);
      Add(p, 1);
    } else if (byte < 0x20) {
      Format("\\u%04x", byte);
    } else {
      Add(byte < 0x80 ? p : "?", 1);
    }
  }
  Add("\"", 1);
}

char* Text::Release(size_t* count) {
  if (failed_) return nullptr;
  char* bytes = bytes_;
  *count = size_;
  bytes_ = nullptr;
  size_ = capacity_ = 0;
  return bytes;
}

}  // namespace evoke::scope
