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

#include "scope/text.h"

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

  // "name (file+0x12)", or "file+0x12". Valid until the next call.
  const char* Describe(evoke_function function);

  // Notes a function whose name will be wanted. Looks nothing up.
  void Want(evoke_function function);
  // Adds what was noted since the last time as an object of JSON: their names
  // by their addresses, as "%p" prints them.
  void AddWanted(Text* out);

 private:
  static constexpr size_t kPlaces = 1024;  // more have no names
  static constexpr size_t kNameBytes = 160;
  struct Place {
    evoke_function function = nullptr;
    char* text = nullptr;  // null: not looked up yet
    bool wanted = false;
  };

  // The place of a function, a free one if it has none; null when all are
  // taken.
  Place* At(evoke_function function);
  void LookUp(evoke_function function, char* text, size_t size);

  Place places_[kPlaces];
  size_t count_ = 0;
  char last_[kNameBytes];
};

}  // namespace evoke::scope

#endif  // EVOKE_SCOPE_SYMBOLS_H_
