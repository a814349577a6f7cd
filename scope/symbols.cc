// SPDX-License-Identifier: BSD-3-Clause
#include "scope/symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scope/memory.h"
#include "trace/function_name.h"

namespace evoke::scope {

namespace {

using Header = ElfW(Ehdr);
using Section = ElfW(Shdr);
using Symbol = ElfW(Sym);

// A file in memory, read-only. What it says of itself is believed only as far
// as the file reaches.
class Mapped {
 public:
  explicit Mapped(const char* file) {
    const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return;
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_size > 0) {
      size_ = static_cast<size_t>(status.st_size);
      void* start = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd, 0);
      if (start != MAP_FAILED) start_ = static_cast<const char*>(start);
    }
    close(fd);
  }
  ~Mapped() {
    const int error = errno;
    if (start_ != nullptr) munmap(const_cast<char*>(start_), size_);
    errno = error;
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;

  // `count` objects from `offset` on; null where they are not all in the file.
  template <typename T>
  const T* At(uint64_t offset, uint64_t count = 1) const {
    if (start_ == nullptr || offset > size_ || offset % alignof(T) != 0 ||
        count > (size_ - offset) / sizeof(T)) {
      return nullptr;
    }
    return reinterpret_cast<const T*>(start_ + offset);
  }

 private:
  const char* start_ = nullptr;
  size_t size_ = 0;
};

// Where the main program was loaded; 0 if nobody knows.
uintptr_t ProgramBase() {
  Dl_info info;
  void* headers = reinterpret_cast<void*>(getauxval(AT_PHDR));
  if (headers == nullptr || dladdr(headers, &info) == 0) return 0;
  return reinterpret_cast<uintptr_t>(info.dli_fbase);
}

// The function that begins at `value`, in one table; null without.
const char* FindIn(const Mapped& file, const Section& table,
                   const Section& strings, uintptr_t value) {
  const uint64_t count = table.sh_size / sizeof(Symbol);
  const auto* symbols = file.At<Symbol>(table.sh_offset, count);
  const auto* names = file.At<char>(strings.sh_offset, strings.sh_size);
  if (symbols == nullptr || names == nullptr || strings.sh_size == 0 ||
      names[strings.sh_size - 1] != '\0') {
    return nullptr;
  }
  for (uint64_t i = 0; i < count; ++i) {
    const Symbol& symbol = symbols[i];
    if (symbol.st_value == value && symbol.st_name < strings.sh_size &&
        (symbol.st_info & 0xf) == STT_FUNC) {
      return names + symbol.st_name;
    }
  }
  return nullptr;
}

}  // namespace

bool NameFromFile(const char* path, uintptr_t base, uintptr_t address,
                  char* name, size_t size) {
  const Mapped file(path);
  const auto* header = file.At<Header>(0);
  if (header == nullptr || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
      header->e_ident[EI_CLASS] !=
          (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32) ||
      header->e_shentsize != sizeof(Section)) {
    return false;
  }
  const auto* sections = file.At<Section>(header->e_shoff, header->e_shnum);
  if (sections == nullptr) return false;
  // Programs that are not position independent have addresses in their tables.
  const uintptr_t value = header->e_type == ET_EXEC ? address : address - base;
  for (int i = 0; i < header->e_shnum; ++i) {
    const Section& table = sections[i];
    if (table.sh_type != SHT_SYMTAB || table.sh_link >= header->e_shnum) {
      continue;
    }
    const char* found = FindIn(file, table, sections[table.sh_link], value);
    if (found == nullptr) continue;
    snprintf(name, size, "%s", found);
    return true;
  }
  return false;
}

Symbols::~Symbols() {
  for (Place& place : places_) Free(place.text);
}

Symbols::Place* Symbols::At(evoke_function function) {
  const auto address = reinterpret_cast<uintptr_t>(function);
  size_t i = (address >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
  Place* place = &places_[i % kPlaces];
  while (place->function != nullptr && place->function != function) {
    place = &places_[++i % kPlaces];
  }
  if (place->function == function) return place;
  // Some stay free, so that a search ends.
  if (count_ >= kPlaces * 3 / 4) return nullptr;
  ++count_;
  place->function = function;
  return place;
}

void Symbols::LookUp(evoke_function function, char* text, size_t size) {
  const auto address = reinterpret_cast<uintptr_t>(function);
  const FunctionName known = NameOf(function);
  char where[kNameBytes / 2 - 4];
  DescribeFunction(function, where, sizeof(where));
  char name[kNameBytes / 2];
  const uintptr_t base = address - known.offset;
  // The loader knows the program by the name that it was called by.
  const char* file = base == ProgramBase() ? "/proc/self/exe" : known.module;
  if (known.symbol == nullptr && file[0] == '/' &&
      NameFromFile(file, base, address, name, sizeof(name))) {
    snprintf(text, size, "%s (%s)", name, where);
  } else {
    snprintf(text, size, "%s", where);
  }
}

const char* Symbols::Describe(evoke_function function) {
  if (function == nullptr) return "no function";
  Place* place = At(function);
  if (place == nullptr) {
    DescribeFunction(function, last_, sizeof(last_));
    return last_;
  }
  if (place->text != nullptr) return place->text;
  errno = 0;
  LookUp(function, last_, sizeof(last_));
  // Another time there may be a descriptor, or memory.
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) return last_;
  const size_t bytes = strlen(last_) + 1;
  place->text = static_cast<char*>(evoke_realloc(nullptr, bytes));
  if (place->text != nullptr) memcpy(place->text, last_, bytes);
  return last_;
}

void Symbols::Want(evoke_function function) {
  Place* place = function == nullptr ? nullptr : At(function);
  if (place != nullptr) place->wanted = true;
}

void Symbols::AddWanted(Text* out) {
  out->Add("{");
  bool first = true;
  for (Place& place : places_) {
    if (!place.wanted) continue;
    place.wanted = false;
    out->Format("%s\"%p\":", first ? "" : ",",
                reinterpret_cast<void*>(place.function));
    out->AddJsonString(Describe(place.function));
    first = false;
  }
  out->Add("}");
}

}  // namespace evoke::scope
