// SPDX-License-Identifier: BSD-3-Clause
#include "trace/function_name.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

namespace evoke {

namespace {

// With `inside`, the address may lie within the function.
FunctionName Look(evoke_function function, bool inside) {
  const auto address = reinterpret_cast<uintptr_t>(function);
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(address), &info) == 0 ||
      info.dli_fname == nullptr) {
    return {"?", address, nullptr};
  }
  FunctionName name = {info.dli_fname,
                       address - reinterpret_cast<uintptr_t>(info.dli_fbase),
                       nullptr};
  // The nearest symbol before it may be another, exported function.
  if (info.dli_sname != nullptr &&
      (inside || reinterpret_cast<uintptr_t>(info.dli_saddr) == address)) {
    name.symbol = info.dli_sname;
  }
  return name;
}

void Describe(const FunctionName& name, char* text, size_t size) {
  const char* slash = strrchr(name.module, '/');
  const char* file = slash != nullptr ? slash + 1 : name.module;
  auto offset = static_cast<unsigned long>(name.offset);
  if (name.symbol != nullptr) {
    snprintf(text, size, "%s (%s+0x%lx)", name.symbol, file, offset);
  } else {
    snprintf(text, size, "%s+0x%lx", file, offset);
  }
}

}  // namespace

FunctionName NameOf(evoke_function function) {
  return Look(function, /*inside=*/false);
}

void DescribeFunction(evoke_function function, char* text, size_t size) {
  if (function == nullptr) {
    snprintf(text, size, "no function");
    return;
  }
  Describe(NameOf(function), text, size);
}

void DescribeCode(evoke_function address, char* text, size_t size) {
  Describe(Look(address, /*inside=*/true), text, size);
}

}  // namespace evoke
