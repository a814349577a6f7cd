// SPDX-License-Identifier: BSD-3-Clause
//
// Writes JSON, as far as results need it: objects and arrays that are put
// together from the inside out.
#ifndef EVOKE_BENCH_LOAD_JSON_H_
#define EVOKE_BENCH_LOAD_JSON_H_

#include <cmath>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace evoke::load {

// A value as JSON. Six digits of a number that is not whole; what is no number
// (NaN, infinite) becomes null.
inline std::string JsonOf(absl::string_view text) {
  std::string quoted = "\"";
  for (unsigned char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += static_cast<char>(c);
    } else if (c < 0x20 || c == 0x7f) {
      absl::StrAppend(&quoted, absl::StrFormat("\\u%04x", c));
    } else {
      quoted += static_cast<char>(c);
    }
  }
  return quoted + "\"";
}
inline std::string JsonOf(const char* text) {
  return JsonOf(absl::string_view(text));
}
inline std::string JsonOf(const std::string& text) {
  return JsonOf(absl::string_view(text));
}
inline std::string JsonOf(bool value) { return value ? "true" : "false"; }
inline std::string JsonOf(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.6g", value) : "null";
}
template <typename Integer,
          typename = std::enable_if_t<std::is_integral_v<Integer>>>
std::string JsonOf(Integer value) {
  return absl::StrCat(value);
}

class JsonObject {
 public:
  template <typename Value>
  JsonObject& Add(absl::string_view name, const Value& value) {
    absl::StrAppend(&members_, members_.empty() ? "" : ", ", JsonOf(name), ": ",
                    JsonOf(value));
    return *this;
  }
  std::string text() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

class JsonArray {
 public:
  // `between` goes between two elements, behind the comma: a blank, or an end
  // of line where each is to have a line of its own.
  explicit JsonArray(absl::string_view between = " ") : between_(between) {}
  template <typename Value>
  JsonArray& Add(const Value& value) {
    absl::StrAppend(&elements_, elements_.empty() ? "" : ",",
                    elements_.empty() && between_ == " " ? "" : between_,
                    JsonOf(value));
    return *this;
  }
  std::string text() const { return "[" + elements_ + "]"; }

 private:
  std::string between_;
  std::string elements_;
};

inline std::string JsonOf(const JsonObject& object) { return object.text(); }
inline std::string JsonOf(const JsonArray& array) { return array.text(); }

}  // namespace evoke::load

#endif  // EVOKE_BENCH_LOAD_JSON_H_
