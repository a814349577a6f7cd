// SPDX-License-Identifier: BSD-3-Clause
//
// Names of functions, also of those that no library exports: looked up in the
// symbol table of the file they come from (elf(5)), where that was not
// stripped. Each is looked up once.
#ifndef EVOKE_SCOPE_SYMBOLS_H_
#define EVOKE_SCOPE_SYMBOLS_H_

#include <evoke/trace.h>
#include <stddef.h>
#include <stdint.h>

namespace evoke::scope {

// The name of the function that begins at `address` of a file that was loaded
// at `base`, into `name`; false where the file has none, or cannot be read.
bool NameFromFile(const char* file, uintptr_t base, uintptr_t address,
                  char* name, size_t size);

class Symbols {
 public:
  Symbols() = default;
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;
  ~Symbols();

  // "name (file+0x12)", or "file+0x12". Valid as long as this object; when
  // there is no memory, until the next call.
  const char* Describe(evoke_function function);

 private:
  static constexpr size_t kPlaces = 1024;  // more are looked up every time
  static constexpr size_t kNameBytes = 160;
  struct Place {
    evoke_function function = nullptr;
    char* text = nullptr;
  };

  Place places_[kPlaces];
  size_t count_ = 0;
  char last_[kNameBytes];
};

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_SYMBOLS_H_
