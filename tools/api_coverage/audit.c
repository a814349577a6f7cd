/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sees which functions of the core a program calls, and takes one away.
 *
 * The dynamic loader loads this by LD_AUDIT and asks it about each function
 * that it looks up. In a program that is linked lazily it does so at the first
 * call:
 *
 *   API_AUDIT_LOG=FILE   gets the name of each function that the program calls
 *   API_AUDIT_SKIP=NAME  this one does nothing and returns 0
 *
 * A function whose address the program takes is looked up before it starts;
 * that is no call, and not noted. See api_coverage.py.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beyond the numbers that the program sees. */
enum { LOG_FD = 500 };

static const char *skipped;
static int log_fd = -1;
static int program_runs;

static intptr_t do_nothing(void) { return 0; }

unsigned int la_version(unsigned int version) {
  const char *path = getenv("API_AUDIT_LOG");
  skipped = getenv("API_AUDIT_SKIP");
  if (path != NULL) {
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    log_fd = fcntl(file, F_DUPFD_CLOEXEC, LOG_FD);
    if (log_fd < 0) abort();
    close(file);
  }
  (void)version;
  return LAV_CURRENT;
}

/* Calls that leave the program are of interest, into the libraries too. */
unsigned int la_objopen(struct link_map *map, Lmid_t id, uintptr_t *cookie) {
  int is_program = map->l_name[0] == '\0';
  int is_library = strstr(map->l_name, "/libevent_") != NULL;
  (void)id;
  (void)cookie;
  return (is_program ? LA_FLG_BINDFROM : 0) | (is_library ? LA_FLG_BINDTO : 0);
}

void la_preinit(uintptr_t *cookie) {
  program_runs = 1;
  (void)cookie;
}

/* One write: several threads, and children, may be here at once. */
static void note(const char *name) {
  char line[256];
  size_t length = strlen(name);
  if (length > sizeof(line) - 1) abort();
  memcpy(line, name, length);
  line[length++] = '\n';
  if (write(log_fd, line, length) != (ssize_t)length) abort();
}

uintptr_t la_symbind64(Elf64_Sym *symbol, unsigned int index,
                       uintptr_t *from_cookie, uintptr_t *to_cookie,
                       unsigned int *flags, const char *name) {
  (void)index;
  (void)from_cookie;
  (void)to_cookie;
  (void)flags;
  if (program_runs && log_fd >= 0) note(name);
  if (skipped != NULL && strcmp(name, skipped) == 0) {
    return (uintptr_t)do_nothing;
  }
  return symbol->st_value;
}
