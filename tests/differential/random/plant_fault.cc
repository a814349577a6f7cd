// SPDX-License-Identifier: BSD-3-Clause
//
// plant_fault IN OUT OLD NEW: copies a source file, with OLD replaced by NEW.
//
// OLD must be there exactly once. If it is not (the line was changed since),
// the copy has no fault, only a note: the test of the fault then finds no
// difference and fails, instead of the whole build.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: plant_fault IN OUT OLD NEW\n");
    return 2;
  }
  std::ifstream in(argv[1]);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string old_text = argv[3];
  const size_t at = text.find(old_text);
  if (at == std::string::npos ||
      text.find(old_text, at + 1) != std::string::npos) {
    std::fprintf(stderr, "%s: not there exactly once: %s\n", argv[1],
                 old_text.c_str());
    text += "\n// The fault could not be planted.\n";
  } else {
    text.replace(at, old_text.size(), argv[4]);
  }
  std::ofstream out(argv[2]);
  out << text;
  return out.good() ? 0 : 1;
}
