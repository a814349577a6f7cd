// SPDX-License-Identifier: BSD-3-Clause
#include "tools/evoke_run/verdict.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

namespace evoke_run {
namespace {

std::string RealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "."
                                    : path.substr(0, slash == 0 ? 1 : slash);
}

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// The symbols that evoke would leave without a definition.
std::vector<Missing> LackingSymbols(const Trace& with, const Trace& without) {
  // Where libevent itself is not installed, its symbols are missing in both
  // traces, and names must do.
  const bool libevent_found =
      std::none_of(without.libraries.begin(), without.libraries.end(),
                   [](const Library& library) {
                     return IsLibevent(library.name) && library.path.empty();
                   });
  std::vector<Missing> lacking;
  for (const Missing& missing : with.missing) {
    const bool always =
        std::find(without.missing.begin(), without.missing.end(), missing) !=
        without.missing.end();
    if (always && (libevent_found || !IsLibeventSymbol(missing.symbol)))
      continue;
    if (std::find(lacking.begin(), lacking.end(), missing) == lacking.end()) {
      lacking.push_back(missing);
    }
  }
  std::sort(lacking.begin(), lacking.end(),
            [](const Missing& a, const Missing& b) {
              return a.needed_by != b.needed_by ? a.needed_by < b.needed_by
                                                : a.symbol < b.symbol;
            });
  return lacking;
}

// What the loader complains of only with evoke, such as versions of symbols.
std::vector<std::string> NewComplaints(const Trace& with,
                                       const Trace& without) {
  std::vector<std::string> complaints;
  for (const std::string& line : with.others) {
    if (std::find(without.others.begin(), without.others.end(), line) ==
        without.others.end()) {
      complaints.push_back(line);
    }
  }
  return complaints;
}

// Why `library`, which is libevent's, does not come from evoke's directory.
std::string WhyForeign(const Library& library, const std::string& directory) {
  if (library.path.empty()) {
    return library.name + " is neither part of evoke nor found on this machine";
  }
  if (access((directory + "/" + library.name).c_str(), F_OK) == 0) {
    return library.path +
           " would be taken, and not evoke's, whatever LD_LIBRARY_PATH says" +
           " (the program names it by RPATH, or LD_PRELOAD does)";
  }
  return library.path + " would be mixed with evoke, which has no " +
         library.name;
}

}  // namespace

bool IsLibevent(std::string_view name) {
  constexpr std::string_view kStart = "libevent";
  if (!StartsWith(name, kStart)) return false;
  name.remove_prefix(kStart.size());
  for (std::string_view part :
       {"_core", "_extra", "_openssl", "_mbedtls", "_pthreads"}) {
    if (StartsWith(name, part)) {
      name.remove_prefix(part.size());
      break;
    }
  }
  return StartsWith(name, ".so") ||
         (name.size() > 1 && name[0] == '-' && name[1] >= '0' &&
          name[1] <= '9' && name.find(".so") != std::string_view::npos);
}

bool IsLibeventSymbol(std::string_view symbol) {
  constexpr std::string_view kStarts[] = {
      "bufferevent_", "ev_token_bucket_cfg_",
      "evbuffer_",    "evconnlistener_",
      "evdns_",       "event_",
      "evhttp_",      "evkeyval",
      "evrpc_",       "evsignal_",
      "evtag_",       "evthread_",
      "evtimer_",     "evutil_",
      "evwatch_",     "libevent_",
      "EVUTIL_",
  };
  return std::any_of(
      std::begin(kStarts), std::end(kStarts),
      [&](std::string_view start) { return StartsWith(symbol, start); });
}

Verdict Judge(const std::string& program, const std::string& directory,
              const Trace& with, const Trace& without) {
  Verdict verdict;
  const std::string own = RealPath(directory);
  std::vector<std::string> ours;
  std::vector<std::string> foreign;
  for (const Library& library : with.libraries) {
    if (!IsLibevent(library.name)) continue;
    if (!library.path.empty() && RealPath(DirectoryOf(library.path)) == own) {
      ours.push_back("  " + library.name + " => " + library.path);
    } else {
      foreign.push_back("  " + WhyForeign(library, directory));
    }
  }
  if (ours.empty() && foreign.empty()) {
    verdict.kind = Verdict::Kind::kNoLibevent;
    return verdict;
  }

  const std::vector<Missing> lacking = LackingSymbols(with, without);
  const std::vector<std::string> complaints = NewComplaints(with, without);
  if (foreign.empty() && lacking.empty() && complaints.empty()) {
    verdict.kind = Verdict::Kind::kRuns;
    verdict.lines = ours;
    return verdict;
  }
  verdict.lines.push_back(program + " must keep its own libevent:");
  verdict.lines.insert(verdict.lines.end(), foreign.begin(), foreign.end());
  for (const Missing& missing : lacking) {
    verdict.lines.push_back("  evoke lacks " + missing.symbol +
                            ", which is needed by " + missing.needed_by);
  }
  for (const std::string& complaint : complaints) {
    verdict.lines.push_back("  the loader says: " + complaint);
  }
  return verdict;
}

}  // namespace evoke_run
