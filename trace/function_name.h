// SPDX-License-Identifier: BSD-3-Clause
//
// What a function is called: its symbol where the dynamic loader knows one
// (dladdr(3): what a library exports, or a program linked with -rdynamic), and
// always its file and the offset in it, from which tools/symbolize finds the
// name in debug information.
#ifndef EVOKE_TRACE_FUNCTION_NAME_H_
#define EVOKE_TRACE_FUNCTION_NAME_H_

#include <evoke/trace.h>
#include <stddef.h>
#include <stdint.h>

namespace evoke {

struct FunctionName {
  const char* module;  // the path of its file, "?" if unknown; not owned
  uintptr_t offset;    // in the file's image; the address itself if unknown
  const char* symbol;  // or null; not owned
};

// Valid as long as the file is loaded. `function` is not null.
FunctionName NameOf(evoke_function function);

// "symbol (file+0x12ab)", or "file+0x12ab", cut at `size` bytes, NUL included.
void DescribeFunction(evoke_function function, char* text, size_t size);

// The same for an address within a function: its symbol is the nearest before.
void DescribeCode(evoke_function address, char* text, size_t size);

}  // namespace evoke

#endif  // EVOKE_TRACE_FUNCTION_NAME_H_
