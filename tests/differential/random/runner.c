// SPDX-License-Identifier: BSD-3-Clause
//
// Runs programs that come on standard input, each in a child process, and
// answers with their records on standard output:
//
//   in:  uint32 bytes, the program
//   out: uint32 status (of waitpid), uint32 bytes, the record,
//        uint32 count, one uint32 for each function of api_list.h
//
// The record lies in shared memory, so what a program that crashes had
// written is not lost.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/differential/random/interpreter.h"

#define RECORD_BYTES_MAX (1 << 20)
#define CPU_S_MAX 10

static bool read_all(void *bytes, size_t count) {
  char *at = bytes;
  while (count > 0) {
    ssize_t n = read(STDIN_FILENO, at, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    count -= (size_t)n;
  }
  return true;
}

static void write_all(const void *bytes, size_t count) {
  const char *at = bytes;
  while (count > 0) {
    ssize_t n = write(STDOUT_FILENO, at, count);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) exit(1);
    at += n;
    count -= (size_t)n;
  }
}

static void write_u32(uint32_t value) { write_all(&value, sizeof(value)); }

// What hangs is ended by the CPU time that it takes, whatever the load.
static void limit_time(void) {
  struct rlimit limit = {CPU_S_MAX, CPU_S_MAX};
  setrlimit(RLIMIT_CPU, &limit);
  alarm(6 * CPU_S_MAX);
}

int main(void) {
  struct shared {
    uint32_t counts[API_COUNT];
    char record[RECORD_BYTES_MAX];
  } *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return 1;
  uint32_t bytes;
  while (read_all(&bytes, sizeof(bytes))) {
    char *text = malloc(bytes + 1);
    if (text == NULL || !read_all(text, bytes)) return 1;
    text[bytes] = '\0';
    memset(shared->counts, 0, sizeof(shared->counts));
    shared->record[0] = '\0';
    pid_t child = fork();
    if (child < 0) return 1;
    if (child == 0) {
      limit_time();
      run_program(text, shared->record, RECORD_BYTES_MAX, shared->counts);
      _exit(0);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    uint32_t length = (uint32_t)strnlen(shared->record, RECORD_BYTES_MAX);
    write_u32((uint32_t)status);
    write_u32(length);
    write_all(shared->record, length);
    write_u32(API_COUNT);
    write_all(shared->counts, sizeof(shared->counts));
    free(text);
  }
  return 0;
}
