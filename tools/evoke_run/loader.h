// SPDX-License-Identifier: BSD-3-Clause
//
// Which libraries would a program get, and which of its symbols would nobody
// define? The dynamic loader itself is asked, in its tracing mode (the one
// behind ldd -r): so the answer follows RPATH, RUNPATH, LD_LIBRARY_PATH,
// LD_PRELOAD and the loader's cache exactly, and no code of the program runs.
#ifndef EVOKE_TOOLS_EVOKE_RUN_LOADER_H_
#define EVOKE_TOOLS_EVOKE_RUN_LOADER_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/evoke_run/program.h"

namespace evoke_run {

// A library that the program, or one of its libraries, needs.
struct Library {
  std::string name;  // as it is needed: "libevent_core-2.1.so.7"
  std::string path;  // where the loader found it; empty when it did not
};

// A symbol that nothing in the process would define.
struct Missing {
  std::string symbol;
  std::string needed_by;  // the program or library that imports it
  friend bool operator==(const Missing&, const Missing&) = default;
};

struct Trace {
  std::vector<Library> libraries;
  std::vector<Missing> missing;
  // What the loader said besides, one line each: its warnings.
  std::vector<std::string> others;
};

// Reads what the loader printed in its tracing mode.
Trace ParseTrace(std::string_view printed);

// Asks `loader` (its path) what `file` would get with this LD_LIBRARY_PATH; the
// rest of the environment is the caller's.
Error TraceProgram(const std::string& loader, const std::string& file,
                   const std::string& library_path, Trace* trace);

}  // namespace evoke_run

#endif  // EVOKE_TOOLS_EVOKE_RUN_LOADER_H_
