// SPDX-License-Identifier: BSD-3-Clause
//
// May this program run on evoke? The judgement, from two traces of the loader:
// one with evoke's directory in front of LD_LIBRARY_PATH, and one without.
//
// A symbol that is missing with evoke and not without is one that evoke lacks,
// whatever its name and whoever needs it. A library of libevent's that does not
// come from evoke's directory, while another does, would be a mixture: parts of
// libevent use private parts of their own core.
#ifndef EVOKE_TOOLS_EVOKE_RUN_VERDICT_H_
#define EVOKE_TOOLS_EVOKE_RUN_VERDICT_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/evoke_run/loader.h"

namespace evoke_run {

struct Verdict {
  enum class Kind {
    kRuns,        // every library of libevent that it needs is evoke's
    kNoLibevent,  // it needs no libevent
    kRefused,
  };
  Kind kind = Kind::kRefused;
  // For the user, a line each: why it is refused, or which libraries it gets.
  std::vector<std::string> lines;
};

// Is this the name of one of libevent's shared libraries, in any version?
// ("libevent-2.1.so.7", "libevent_core.so", not "libeventlog.so.0")
bool IsLibevent(std::string_view name);

// Is this the name of a function or variable of libevent's?
bool IsLibeventSymbol(std::string_view symbol);

// Judges `program` by the traces with and without `directory`, evoke's, in
// front.
Verdict Judge(const std::string& program, const std::string& directory,
              const Trace& with, const Trace& without);

}  // namespace evoke_run

#endif  // EVOKE_TOOLS_EVOKE_RUN_VERDICT_H_
