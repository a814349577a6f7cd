// SPDX-License-Identifier: BSD-3-Clause
//
// bazel run -c opt //bench:models
//
// Every server model of examples/models under the same load, at 1 to 10,000
// connections. In each round every model is measured once at each size, so that
// what the machine does in the meantime hits all of them. Writes results.json,
// and lets models_report.py make results.md and the plots of it.
//
// How one model is measured stands in load/measure.h, what the figures mean in
// docs/models/README.md.
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bench/load/json.h"
#include "bench/load/measure.h"
#include "bench/load/progress.h"
#include "bench/load/server.h"
#include "bench/model_list.h"

ABSL_FLAG(std::vector<std::string>, models, {}, "these alone, by name");
ABSL_FLAG(std::vector<std::string>, also, {},
          "servers of your own, as NAME=PATH,...; they take --port 0 and say "
          "\"port: N\" on stderr");
ABSL_FLAG(std::vector<std::string>, connections,
          std::vector<std::string>({"1", "10", "100", "1000", "10000"}),
          "numbers of connections");
ABSL_FLAG(int, rounds, 5, "rounds; each measures every model at every size");
ABSL_FLAG(double, seconds, 1, "for each of the three loads of a measurement");
ABSL_FLAG(double, rate, 10000, "messages a second in the open loop");
ABSL_FLAG(int, active, 10, "connections that send while the others are idle");
ABSL_FLAG(int, bytes, 64, "size of a message");
ABSL_FLAG(double, limit_seconds, 60, "for opening the connections");
ABSL_FLAG(double, patience_seconds, 2, "for an answer when none comes at all");
ABSL_FLAG(int, load_threads, 0,
          "threads of the load generator, each with a core to itself where "
          "there are enough; 0: half of the cores");
ABSL_FLAG(std::vector<std::string>, syscalls,
          std::vector<std::string>({"1", "100"}),
          "numbers of connections at which system calls are counted");
ABSL_FLAG(int, counted, 5000, "messages of such a count");
ABSL_FLAG(std::string, dir, "examples/models", "where the models are");
ABSL_FLAG(std::string, out, "",
          "where the results go; docs/models of the workspace unless told");
ABSL_FLAG(bool, quick, false, "two models, small sizes: does it work at all?");

namespace {

using ::evoke::bench::AllModels;
using ::evoke::bench::Model;
using ::evoke::load::JsonArray;
using ::evoke::load::JsonObject;
using ::evoke::load::Plan;

[[noreturn]] void Fail(const std::string& what) {
  fprintf(stderr, "models: %s\n", what.c_str());
  exit(1);
}

std::vector<int> Sizes(const std::vector<std::string>& words) {
  std::vector<int> sizes;
  for (const std::string& word : words) {
    int size;
    if (word.empty()) continue;
    if (!absl::SimpleAtoi(word, &size) || size <= 0) {
      Fail(absl::StrCat("not a number of connections: ", word));
    }
    sizes.push_back(size);
  }
  std::sort(sizes.begin(), sizes.end());
  return sizes;
}

// A file beside this program among its runfiles, or below the current
// directory.
std::string FindFile(const std::string& name) {
  std::error_code ignored;
  std::string self = std::filesystem::read_symlink("/proc/self/exe", ignored);
  std::string runfile = absl::StrCat(self, ".runfiles/evoke/", name);
  return access(runfile.c_str(), F_OK) == 0 ? runfile : name;
}

// A path as the caller sees it, whom `bazel run` has left somewhere else.
std::string FromCaller(const std::string& path) {
  const char* working = getenv("BUILD_WORKING_DIRECTORY");
  if (working == nullptr || absl::StartsWith(path, "/")) return path;
  return absl::StrCat(working, "/", path);
}

std::string OutDirectory() {
  std::string out = FromCaller(absl::GetFlag(FLAGS_out));
  if (absl::GetFlag(FLAGS_out).empty()) {
    const char* workspace = getenv("BUILD_WORKSPACE_DIRECTORY");
    out = absl::StrCat(workspace != nullptr ? workspace : ".", "/docs/models");
  }
  std::error_code error;
  std::filesystem::create_directories(out, error);
  if (error) Fail(absl::StrCat(out, ": ", error.message()));
  return out;
}

// --- What is measured --------------------------------------------------------

// A server may be one of the list, or one of the user's own.
void CheckNames(const std::vector<std::string>& wanted) {
  for (const std::string& name : wanted) {
    bool known =
        std::any_of(AllModels().begin(), AllModels().end(),
                    [&](const Model& model) { return name == model.name; });
    if (!known) Fail(absl::StrCat("no such model: ", name));
  }
}

// Those that are there; the others become objects of `skipped`.
std::vector<Model> FindModels(JsonArray& skipped) {
  const std::vector<std::string> wanted = absl::GetFlag(FLAGS_models);
  CheckNames(wanted);
  std::vector<Model> models;
  std::vector<std::string> missing;
  for (Model model : AllModels()) {
    if (!wanted.empty() &&
        std::find(wanted.begin(), wanted.end(), model.name) == wanted.end()) {
      continue;
    }
    model.path =
        FindFile(model.path.empty()
                     ? absl::StrCat(absl::GetFlag(FLAGS_dir), "/", model.name)
                     : model.path);
    if (access(model.path.c_str(), X_OK) == 0) {
      models.push_back(model);
      continue;
    }
    skipped.Add(
        JsonObject().Add("model", model.name).Add("why", "it is not built"));
    missing.push_back(model.name);
  }
  if (!missing.empty()) {
    // Those that need a package of their own are no part of //bench:models.
    fprintf(stderr,
            "models: not built, and left out: %s (//bench:models_all builds "
            "all)\n",
            absl::StrJoin(missing, " ").c_str());
  }
  for (const std::string& also : absl::GetFlag(FLAGS_also)) {
    std::vector<std::string> parts =
        absl::StrSplit(also, absl::MaxSplits('=', 1));
    if (parts.size() != 2) Fail(absl::StrCat("not NAME=PATH: ", also));
    std::string path = FromCaller(parts[1]);
    if (access(path.c_str(), X_OK) != 0) {
      Fail(absl::StrCat(path, ": ", strerror(errno)));
    }
    models.push_back({parts[0], "your own", path});
  }
  if (models.empty()) Fail("no model is there");
  return models;
}

// Makes room for as many descriptors as the largest size needs, here and in the
// servers, which inherit the limit. Leaves out the sizes for which there is
// none.
std::vector<int> FitToDescriptors(std::vector<int> sizes) {
  constexpr rlim_t kOthers = 200;  // beside those of connections
  if (sizes.empty()) Fail("no size to measure");
  rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t needed = std::max<rlim_t>(limit.rlim_cur, sizes.back() + kOthers);
  rlimit raised = {needed, std::max(limit.rlim_max, needed)};
  if (setrlimit(RLIMIT_NOFILE, &raised) < 0) {  // only root raises rlim_max
    raised = {std::min(needed, limit.rlim_max), limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &raised);
  }
  while (!sizes.empty() && sizes.back() + kOthers > raised.rlim_cur) {
    fprintf(stderr,
            "models: %d connections are left out: no more than %d descriptors "
            "are allowed (ulimit -Hn)\n",
            sizes.back(), static_cast<int>(raised.rlim_cur));
    sizes.pop_back();
  }
  if (sizes.empty()) Fail("too few descriptors");
  return sizes;
}

// The load generator gets the last cores for itself and the servers the others,
// so that neither is moved about. With one core they share it.
struct Cores {
  int all = 0;
  int of_load = 0;  // 0: shared
  cpu_set_t of_servers;
};

Cores ShareCores(int threads) {
  Cores cores;
  cpu_set_t of_load;
  CPU_ZERO(&of_load);
  sched_getaffinity(0, sizeof(cores.of_servers), &cores.of_servers);
  cores.all = CPU_COUNT(&cores.of_servers);
  if (threads >= cores.all) return cores;
  for (int core = CPU_SETSIZE - 1; cores.of_load < threads; --core) {
    if (!CPU_ISSET(core, &cores.of_servers)) continue;
    CPU_CLR(core, &cores.of_servers);
    CPU_SET(core, &of_load);
    ++cores.of_load;
  }
  sched_setaffinity(0, sizeof(of_load), &of_load);
  return cores;
}

void ApplyQuick() {
  if (absl::GetFlag(FLAGS_models).empty()) {
    absl::SetFlag(&FLAGS_models, {"thread_per_client", "epoll_level"});
  }
  absl::SetFlag(&FLAGS_connections, {"1", "10", "20"});
  absl::SetFlag(&FLAGS_rounds, 2);
  absl::SetFlag(&FLAGS_seconds, 0.1);
  absl::SetFlag(&FLAGS_rate, 1000);
  absl::SetFlag(&FLAGS_syscalls, {"10"});
  absl::SetFlag(&FLAGS_counted, 500);
}

// --- The results -------------------------------------------------------------

std::string FirstLine(const char* file, const std::string& start) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!absl::StartsWith(line, start)) continue;
    std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(absl::ByAnyChar(":="), 1));
    return std::string(absl::StripAsciiWhitespace(
        absl::StrReplaceAll(parts.back(), {{"\"", ""}})));
  }
  return "";
}

JsonObject DescribeMachine(const Cores& cores) {
  utsname system;
  uname(&system);
  // Of the release what says which kernel it is, not whose build.
  std::vector<std::string> release =
      absl::StrSplit(system.release, absl::ByAnyChar(".-"));
  release.resize(2);
  int64_t memory_bytes =
      int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return JsonObject()
      .Add("date",
           absl::FormatTime("%Y-%m-%d", absl::Now(), absl::LocalTimeZone()))
      .Add("processor", FirstLine("/proc/cpuinfo", "model name"))
      .Add("cores", cores.all)
      .Add("memory_mib", memory_bytes >> 20)
      .Add("kernel",
           absl::StrCat(system.sysname, " ", absl::StrJoin(release, ".")))
      .Add("system", FirstLine("/etc/os-release", "PRETTY_NAME"))
#ifdef __clang__
      .Add("compiler", "clang++ " __clang_version__)
#else
      .Add("compiler", "g++ " __VERSION__)
#endif
#ifdef __OPTIMIZE__
      .Add("optimised", true);
#else
      .Add("optimised", false);
#endif
}

JsonObject DescribeSettings(const Plan& plan, const Cores& cores, int rounds,
                            const std::vector<int>& sizes) {
  JsonArray connections;
  for (int size : sizes) connections.Add(size);
  return JsonObject()
      .Add("rounds", rounds)
      .Add("connections", connections)
      .Add("seconds", plan.seconds)
      .Add("rate", plan.per_second)
      .Add("active", plan.active)
      .Add("message_bytes", plan.message_bytes)
      .Add("load_threads", plan.threads)
      .Add("load_cores", cores.of_load)
      .Add("server_cores", CPU_COUNT(&plan.server_cores));
}

// Written beside it and moved, so that no reader finds half of it.
void WriteFile(const std::string& path, const std::string& text) {
  std::string beside = path + ".new";
  std::ofstream(beside) << text;
  std::error_code error;
  std::filesystem::rename(beside, path, error);
  if (error) Fail(absl::StrCat(path, ": ", error.message()));
}

void MakeReport(const std::string& json, const std::string& out) {
  std::string program = FindFile("bench/models_report.py");
  pid_t pid = fork();
  if (pid == 0) {
    execl(program.c_str(), program.c_str(), "--json", json.c_str(), "--out",
          out.c_str(), nullptr);
    fprintf(stderr, "models: %s: %s\n", program.c_str(), strerror(errno));
    _exit(127);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (status != 0) Fail("no report was made; the results are in " + json);
}

// --- The run -----------------------------------------------------------------

class Comparison {
 public:
  Comparison()
      : models_(FindModels(skipped_)),
        sizes_(FitToDescriptors(Sizes(absl::GetFlag(FLAGS_connections)))),
        counts_(Sizes(absl::GetFlag(FLAGS_syscalls))),
        rounds_(absl::GetFlag(FLAGS_rounds)),
        out_(OutDirectory()),
        progress_(TotalWeight()) {
    int threads = absl::GetFlag(FLAGS_load_threads);
    if (threads <= 0) {
      cpu_set_t all;
      sched_getaffinity(0, sizeof(all), &all);
      threads = std::max(1, CPU_COUNT(&all) / 2);
    }
    cores_ = ShareCores(threads);
    plan_.active = absl::GetFlag(FLAGS_active);
    plan_.message_bytes = std::max(1, absl::GetFlag(FLAGS_bytes));
    plan_.seconds = absl::GetFlag(FLAGS_seconds);
    plan_.per_second = absl::GetFlag(FLAGS_rate);
    plan_.limit_seconds = absl::GetFlag(FLAGS_limit_seconds);
    plan_.patience_seconds = absl::GetFlag(FLAGS_patience_seconds);
    plan_.threads = threads;
    plan_.spin = cores_.of_load > 0;
    plan_.server_cores = cores_.of_servers;
  }

  void Run() {
    for (int connections : counts_) {
      for (const Model& model : models_) CountSyscalls(model, connections);
    }
    for (int round = 0; round < rounds_; ++round) {
      for (int connections : sizes_) {
        for (size_t i = 0; i < models_.size(); ++i) {
          // Another one begins in each round.
          MeasureOne(models_[(i + round) % models_.size()], connections, round);
        }
      }
      Save();  // what is there is there, should the rest be broken off
    }
  }

  void Report() const { MakeReport(out_ + "/results.json", out_); }

 private:
  // In seconds, roughly: three loads, and what opening and ending take.
  double Weight(int connections) const {
    return 3 * absl::GetFlag(FLAGS_seconds) + 0.3 + connections * 5e-4;
  }
  double CountWeight(int connections) const { return 1 + connections * 1e-2; }
  double TotalWeight() const {
    double total = 0;
    for (int size : sizes_) total += Weight(size) * rounds_;
    for (int size : counts_) total += CountWeight(size);
    return total * models_.size();
  }

  JsonObject Head(const Model& model, int connections) const {
    return JsonObject()
        .Add("model", model.name)
        .Add("connections", connections);
  }

  void CountSyscalls(const Model& model, int connections) {
    progress_.Begin(absl::StrCat("system calls, ", model.name, ", ",
                                 connections, " connections"));
    plan_.server = model.path;
    plan_.protocol = model.protocol;
    plan_.connections = connections;
    JsonObject object = Head(model, connections);
    AddTo(object, MeasureSyscalls(plan_, absl::GetFlag(FLAGS_counted)));
    syscalls_.Add(object);
    progress_.End(CountWeight(connections));
  }

  void MeasureOne(const Model& model, int connections, int round) {
    progress_.Begin(absl::StrCat("round ", round + 1, " of ", rounds_, ", ",
                                 model.name, ", ", connections,
                                 " connections"));
    plan_.server = model.path;
    plan_.protocol = model.protocol;
    plan_.connections = connections;
    JsonObject object = Head(model, connections);
    object.Add("round", round);
    AddTo(object, Measure(plan_));
    measurements_.Add(object);
    progress_.End(Weight(connections));
  }

  void Save() const {
    JsonArray models("\n  ");
    for (const Model& model : models_) {
      JsonObject object;
      object.Add("name", model.name).Add("family", model.family);
      if (!model.note.empty()) object.Add("note", model.note);
      models.Add(object);
    }
    JsonObject document;
    document.Add("format", 1)
        .Add("machine", DescribeMachine(cores_))
        .Add("settings", DescribeSettings(plan_, cores_, rounds_, sizes_))
        .Add("models", models)
        .Add("skipped", skipped_)
        .Add("syscalls", syscalls_)
        .Add("measurements", measurements_);
    WriteFile(out_ + "/results.json", document.text() + "\n");
  }

  JsonArray skipped_;
  JsonArray syscalls_{"\n  "};
  JsonArray measurements_{"\n  "};
  std::vector<Model> models_;
  std::vector<int> sizes_;   // connections of the measurements
  std::vector<int> counts_;  // connections at which system calls are counted
  int rounds_;
  std::string out_;
  evoke::load::Progress progress_;
  Cores cores_;
  Plan plan_;
};

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Compares the server models of examples/models under the same load.");
  absl::ParseCommandLine(argc, argv);
  if (absl::GetFlag(FLAGS_quick)) ApplyQuick();
#ifndef __OPTIMIZE__
  if (!absl::GetFlag(FLAGS_quick)) {
    fprintf(stderr, "models: not optimised; run it by bazel run -c opt\n");
  }
#endif
  evoke::load::Server::EndOnSignals();
  Comparison comparison;
  comparison.Run();
  comparison.Report();
}
