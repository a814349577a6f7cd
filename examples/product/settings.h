/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What whoever runs the server decides, on the command line. --help lists it.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_SETTINGS_H_
#define EVOKE_EXAMPLES_PRODUCT_SETTINGS_H_

#include <stddef.h>
#include <sys/socket.h>
#include <sys/time.h>

struct filter;

struct settings {
  /* Where. */
  struct sockaddr_storage address;
  int address_bytes;
  long port;
  const char *method;   /* the library's backend; NULL: its choice */
  const char *pid_file; /* NULL: none */

  /* What lies between the socket and the chat; NULL: nothing. */
  const struct filter *filter;

  /* How much. */
  long clients_max;
  long history_lines;    /* of each room */
  long rate_bytes;       /* that one client may send in a second; 0: any */
  long group_rate_bytes; /* that all may send together; 0: any */
  long hold_bytes;       /* of unread output: nothing more is read from who
                            lets that much pile up */
  long drop_bytes;       /* of unread output: the end */

  /* How long. */
  struct timeval idle;  /* may a client say nothing */
  struct timeval stall; /* may a client read nothing of what waits for it */
  struct timeval drain; /* may clients stay after a restart */
  struct timeval last;  /* do last words get */

  int verbose;
};

/* Reads the command line; ends the program on anything that is wrong. */
void settings_parse(struct settings *settings, int argc, char **argv);

#endif /* EVOKE_EXAMPLES_PRODUCT_SETTINGS_H_ */
