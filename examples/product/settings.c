/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One table says everything about a flag: its name, what kind of value it has,
 * where that goes and what --help tells.
 */
#include "examples/product/settings.h"

#include <event2/util.h>
#include <getopt.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/product/filter.h"

enum kind { ADDRESS, TEXT, FILTER, NUMBER, SECONDS, SWITCH, HELP };

struct flag {
  const char *name;
  enum kind kind;
  size_t offset; /* in struct settings */
  const char *value;
  const char *help;
};

#define AT(member) offsetof(struct settings, member)
static const struct flag flags[] = {
    {"address", ADDRESS, AT(address), "127.0.0.1",
     "where to listen: IPv4 or IPv6"},
    {"port", NUMBER, AT(port), "9988", "0: any free one"},
    {"filter", FILTER, AT(filter), "none",
     "between socket and chat: none, rot13 or record"},
    {"pid-file", TEXT, AT(pid_file), NULL, "where the process tells its id"},
    {"method", TEXT, AT(method), NULL, "epoll, poll or select"},
    {"clients", NUMBER, AT(clients_max), "1000", "so many at most"},
    {"history", NUMBER, AT(history_lines), "50", "lines kept of each room"},
    {"rate", NUMBER, AT(rate_bytes), "4096",
     "bytes a second that a client may send; 0: any"},
    {"group-rate", NUMBER, AT(group_rate_bytes), "1048576",
     "bytes a second that all may send; 0: any"},
    {"hold", NUMBER, AT(hold_bytes), "65536",
     "unread bytes from which on a client is held back"},
    {"drop", NUMBER, AT(drop_bytes), "262144",
     "unread bytes from which on a client is dropped"},
    {"idle", SECONDS, AT(idle), "600", "seconds that a client may be silent"},
    {"stall", SECONDS, AT(stall), "60",
     "seconds that a client may read nothing"},
    {"drain", SECONDS, AT(drain), "30",
     "seconds that clients may stay after a restart"},
    {"last", SECONDS, AT(last), "5", "seconds that last words get"},
    {"verbose", SWITCH, AT(verbose), NULL, "log every client"},
    {"help", HELP, 0, NULL, "this list"},
};
enum { HOLD_BYTES_MIN = 1024 };
enum { FLAGS = sizeof(flags) / sizeof(flags[0]) };

static void print_help(FILE *to, const char *program) {
  int i;
  fprintf(to, "usage: %s [FLAG...]\n", program);
  for (i = 0; i < FLAGS; ++i) {
    fprintf(to, "  --%-11s%s", flags[i].name, flags[i].help);
    if (flags[i].value != NULL) fprintf(to, " (%s)", flags[i].value);
    fputc('\n', to);
  }
}

/* Each takes the text of a value apart: 0, or -1 when it is none. */

static int parse_address(struct settings *settings, const char *text) {
  struct sockaddr_in *v4 = (struct sockaddr_in *)&settings->address;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&settings->address;
  memset(&settings->address, 0, sizeof(settings->address));
  if (evutil_inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    settings->address.ss_family = AF_INET;
    settings->address_bytes = sizeof(*v4);
  } else if (evutil_inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    settings->address.ss_family = AF_INET6;
    settings->address_bytes = sizeof(*v6);
  } else {
    return -1;
  }
  return 0;
}

/* Both families have it at the same place. */
static void set_port(struct settings *settings) {
  struct sockaddr_in *address = (struct sockaddr_in *)&settings->address;
  address->sin_port = htons((unsigned short)settings->port);
}

static int parse_number(long *number, const char *text) {
  char *end;
  *number = strtol(text, &end, 10);
  return end != text && *end == '\0' && *number >= 0 && *number <= INT_MAX ? 0
                                                                           : -1;
}

static int parse_seconds(struct timeval *time, const char *text) {
  char *end;
  double seconds = strtod(text, &end);
  if (end == text || *end != '\0' || !(seconds > 0) || seconds > 1e6) return -1;
  time->tv_sec = (time_t)seconds;
  time->tv_usec = (suseconds_t)((seconds - (double)time->tv_sec) * 1e6);
  return 0;
}

static int set(struct settings *settings, const struct flag *flag,
               const char *text) {
  void *place = (char *)settings + flag->offset;
  switch (flag->kind) {
    case ADDRESS:
      return parse_address(settings, text);
    case TEXT:
      *(const char **)place = text;
      return 0;
    case FILTER:
      return filter_find(text, (const struct filter **)place);
    case NUMBER:
      return parse_number((long *)place, text);
    case SECONDS:
      return parse_seconds((struct timeval *)place, text);
    case SWITCH:
      *(int *)place = 1;
      return 0;
    case HELP:
      break;
  }
  return -1;
}

static void fail(const char *program, const char *why) {
  fprintf(stderr, "%s: %s\n", program, why);
  print_help(stderr, program);
  exit(2);
}

void settings_parse(struct settings *settings, int argc, char **argv) {
  struct option known[FLAGS + 1];
  int i, name;
  memset(settings, 0, sizeof(*settings));
  memset(known, 0, sizeof(known));
  for (i = 0; i < FLAGS; ++i) {
    known[i].name = flags[i].name;
    known[i].has_arg =
        flags[i].kind >= SWITCH ? no_argument : required_argument;
    known[i].val = i + 1;
    if (flags[i].value != NULL) set(settings, &flags[i], flags[i].value);
  }
  while ((name = getopt_long(argc, argv, "", known, NULL)) != -1) {
    if (name == '?') fail(argv[0], "a flag that is not known");
    if (flags[name - 1].kind == HELP) {
      print_help(stdout, argv[0]);
      exit(0);
    }
    if (set(settings, &flags[name - 1], optarg) < 0) {
      fprintf(stderr, "--%s %s:\n", flags[name - 1].name, optarg);
      fail(argv[0], "a value that makes no sense");
    }
  }
  if (optind != argc) fail(argv[0], "only flags are taken");
  if (settings->port > 65535) fail(argv[0], "no such port");
  set_port(settings);
  if (settings->hold_bytes < HOLD_BYTES_MIN ||
      settings->hold_bytes >= settings->drop_bytes) {
    fail(argv[0], "--hold must be 1024 at least, and below --drop");
  }
}
