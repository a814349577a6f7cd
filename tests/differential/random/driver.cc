// SPDX-License-Identifier: BSD-3-Clause
//
// Runs the programs of many seeds on two runners and compares their records
// byte for byte.
//
//   driver --evoke=RUNNER --libevent=RUNNER [--first=N] [--seeds=M]
//          [--kept=FILE] [--programs=FILE] [--print=SEED] [--show=K]
//          [--effects_min=N] [--expect_difference]
//
// Prints each seed that differs, with the smallest program that still does
// (the first K; the others by number), and last "M seeds, D differences".
// Exits 1 when there are any.
//
// --kept: seeds of a file, which run first (of a sharded test: in shard 0).
// --programs: the same with whole programs, see kept_programs.txt.
// --effects_min: prints how often each function of api_list.h ran with
//   effect, and fails when one did less often.
// --expect_difference: the other way round, for planted faults: ends well at
//   the first difference, fails when there is none.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "tests/differential/random/program.h"
#include "tests/differential/random/runner_process.h"
#include "tests/differential/random/shrink.h"

namespace evoke::random_programs {
namespace {

constexpr const char* kApi[] = {
#define API(name) #name,
#include "tests/differential/random/api_list.h"
#undef API
};

struct Options {
  std::string evoke;
  std::string libevent;
  std::string kept;
  std::string programs;
  uint64_t first = 1;
  uint64_t seeds = 2000;
  long effects_min = -1;
  uint64_t shown_max = 3;
  bool expect_difference = false;
  bool print = false;
};

[[noreturn]] void Fail(const std::string& message) {
  std::cerr << message << "\n";
  std::exit(2);
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const size_t equals = arg.find('=');
    const std::string name = arg.substr(0, equals);
    const std::string value =
        equals == std::string::npos ? "" : arg.substr(equals + 1);
    if (name == "--evoke") {
      options.evoke = value;
    } else if (name == "--libevent") {
      options.libevent = value;
    } else if (name == "--kept") {
      options.kept = value;
    } else if (name == "--programs") {
      options.programs = value;
    } else if (name == "--first") {
      options.first = std::stoull(value);
    } else if (name == "--seeds") {
      options.seeds = std::stoull(value);
    } else if (name == "--effects_min") {
      options.effects_min = std::stol(value);
    } else if (name == "--show") {
      options.shown_max = std::stoull(value);
    } else if (name == "--expect_difference") {
      options.expect_difference = true;
    } else if (name == "--print") {
      options.print = true;
      options.first = std::stoull(value);
    } else {
      Fail("unknown argument " + arg);
    }
  }
  return options;
}

// Seeds in the file: numbers, one a line; "#" starts a comment.
std::vector<uint64_t> ReadKept(const std::string& path) {
  std::vector<uint64_t> seeds;
  if (path.empty()) return seeds;
  std::ifstream file(path);
  if (!file) Fail("cannot read " + path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (uint64_t seed; words >> seed;) seeds.push_back(seed);
  }
  return seeds;
}

struct KeptProgram {
  std::string name;
  std::string text;
};

std::vector<KeptProgram> ReadPrograms(const std::string& path) {
  std::vector<KeptProgram> programs;
  if (path.empty()) return programs;
  std::ifstream file(path);
  if (!file) Fail("cannot read " + path);
  const std::string head = "program ";
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line.compare(0, head.size(), head) == 0) {
      programs.push_back({line.substr(head.size()), ""});
    } else if (!programs.empty()) {
      programs.back().text += line + "\n";
    }
  }
  return programs;
}

// The line at which two records part, with the lines before it.
void PrintParting(const std::string& evoke, const std::string& libevent) {
  std::istringstream ours(evoke);
  std::istringstream theirs(libevent);
  std::vector<std::string> before;
  std::string our_line;
  std::string their_line;
  for (;;) {
    const bool we = static_cast<bool>(std::getline(ours, our_line));
    const bool they = static_cast<bool>(std::getline(theirs, their_line));
    if (!we && !they) return;
    if (we && they && our_line == their_line) {
      before.push_back(our_line);
      continue;
    }
    const size_t start = before.size() > 12 ? before.size() - 12 : 0;
    for (size_t i = start; i < before.size(); ++i) {
      std::cout << "    both      " << before[i] << "\n";
    }
    std::cout << "    evoke     " << (we ? our_line : "(ends)") << "\n";
    std::cout << "    libevent  " << (they ? their_line : "(ends)") << "\n";
    return;
  }
}

class Comparison {
 public:
  explicit Comparison(const Options& options)
      : evoke_(options.evoke), libevent_(options.libevent) {}

  bool Differs(const Program& program) { return Differs(program.ToText()); }

  bool Differs(const std::string& text) {
    evoke_.Start(text);
    libevent_.Start(text);
    evoke_run_ = evoke_.Finish();
    libevent_run_ = libevent_.Finish();
    return evoke_run_.record != libevent_run_.record;
  }

  const Run& evoke_run() const { return evoke_run_; }
  const Run& libevent_run() const { return libevent_run_; }

 private:
  RunnerProcess evoke_;
  RunnerProcess libevent_;
  Run evoke_run_;
  Run libevent_run_;
};

void Show(Comparison& comparison, uint64_t seed) {
  const Program small = Shrink(
      Generate(seed), [&](const Program& p) { return comparison.Differs(p); });
  comparison.Differs(small);
  std::cout << "  smallest program of seed " << seed << ":\n";
  std::istringstream lines(small.ToText());
  for (std::string line; std::getline(lines, line);) {
    std::cout << "    " << line << "\n";
  }
  std::cout << "  the records:\n";
  PrintParting(comparison.evoke_run().record, comparison.libevent_run().record);
}

// Runs the kept programs; returns how many differ.
uint64_t RunKeptPrograms(Comparison& comparison, const std::string& path) {
  uint64_t differences = 0;
  for (const KeptProgram& program : ReadPrograms(path)) {
    if (!comparison.Differs(program.text)) continue;
    ++differences;
    std::cout << "program " << program.name << " differs\n";
    PrintParting(comparison.evoke_run().record,
                 comparison.libevent_run().record);
  }
  return differences;
}

// Which of a test's shards this is, as Bazel says it.
long FromEnvironment(const char* name, long otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atol(value);
}

bool PrintEffects(const std::vector<uint64_t>& effects, long effects_min) {
  bool enough = true;
  std::cout << "effects  function\n";
  for (size_t i = 0; i < effects.size(); ++i) {
    const bool few = effects[i] < static_cast<uint64_t>(effects_min);
    std::printf("%7llu  %s%s\n", static_cast<unsigned long long>(effects[i]),
                kApi[i], few ? "  <-- too few" : "");
    if (few) enough = false;
  }
  std::fflush(stdout);
  return enough;
}

int Main(int argc, char** argv) {
  const Options options = Parse(argc, argv);
  Comparison comparison(options);
  if (options.print) {
    const Program program = Generate(options.first);
    const bool differs = comparison.Differs(program);
    std::cout << program.ToText() << "--- evoke\n"
              << comparison.evoke_run().record << "--- libevent\n"
              << comparison.libevent_run().record << "--- "
              << (differs ? "differ" : "equal") << "\n";
    return differs;
  }
  const long shards = FromEnvironment("TEST_TOTAL_SHARDS", 1);
  const long shard = FromEnvironment("TEST_SHARD_INDEX", 0);
  if (const char* path = std::getenv("TEST_SHARD_STATUS_FILE")) {
    std::ofstream touched(path);
  }
  std::vector<uint64_t> seeds;
  if (shard == 0) seeds = ReadKept(options.kept);
  for (uint64_t i = 0; i < options.seeds; ++i) {
    if (static_cast<long>(i) % shards == shard) {
      seeds.push_back(options.first + i);
    }
  }
  std::vector<uint64_t> effects(std::size(kApi), 0);
  uint64_t differences =
      shard == 0 ? RunKeptPrograms(comparison, options.programs) : 0;
  for (const uint64_t seed : seeds) {
    const bool differs = comparison.Differs(Generate(seed));
    for (size_t i = 0; i < effects.size(); ++i) {
      effects[i] += comparison.evoke_run().counts[i];
    }
    if (!differs) continue;
    if (options.expect_difference) {
      std::cout << "seed " << seed << " differs, as it should:\n";
      PrintParting(comparison.evoke_run().record,
                   comparison.libevent_run().record);
      return 0;
    }
    std::cout << "seed " << seed << " differs" << std::endl;
    if (++differences <= options.shown_max) Show(comparison, seed);
  }
  bool good = differences == 0;
  if (options.expect_difference) {
    std::cout << "the fault survives " << seeds.size() << " seeds\n";
    good = false;
  }
  if (options.effects_min >= 0 && !PrintEffects(effects, options.effects_min)) {
    std::cout << "some functions ran with effect less than "
              << options.effects_min << " times\n";
    good = false;
  }
  std::cout << seeds.size() << " seeds, " << differences << " differences\n";
  return good ? 0 : 1;
}

}  // namespace
}  // namespace evoke::random_programs

int main(int argc, char** argv) {
  return evoke::random_programs::Main(argc, argv);
}
