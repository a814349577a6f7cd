// SPDX-License-Identifier: BSD-3-Clause
//
// The server models that //bench:models knows, and how each is spoken to.
#ifndef EVOKE_BENCH_MODEL_LIST_H_
#define EVOKE_BENCH_MODEL_LIST_H_

#include <string>
#include <vector>

#include "bench/load/protocol.h"

namespace evoke::bench {

struct Model {
  std::string name;
  std::string family;  // models_plots.py has a colour for each
  std::string path;    // in the list: empty where it is examples/models/NAME
  const load::Protocol* protocol = &load::Raw();
  std::string note = "";  // what a reader of its figures must know
};

// All of them, in the order of the chapter.
const std::vector<Model>& AllModels();

}  // namespace evoke::bench

#endif  // EVOKE_BENCH_MODEL_LIST_H_
