/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/pid_file.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "examples/product/log.h"

void pid_file_write(const char *path) {
  char draft[PATH_MAX];
  FILE *file;
  int failed = 1;
  if (path == NULL) return;
  snprintf(draft, sizeof(draft), "%s.%ld", path, (long)getpid());
  file = fopen(draft, "we");
  if (file != NULL) {
    failed = fprintf(file, "%ld\n", (long)getpid()) < 0;
    failed |= fclose(file) != 0;
  }
  if (failed || rename(draft, path) < 0) {
    log_errno("cannot write %s", path);
    unlink(draft);
  }
}

void pid_file_remove(const char *path) {
  FILE *file = path == NULL ? NULL : fopen(path, "re");
  long pid = 0;
  if (file == NULL) return;
  if (fscanf(file, "%ld", &pid) != 1) pid = 0;
  fclose(file);
  if (pid == (long)getpid()) unlink(path);
}
