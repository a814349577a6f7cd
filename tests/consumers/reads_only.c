/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that uses one function of the library, linked statically and, in an
 * optimised build, without all that it does not use. That it can be linked is
 * what matters: functions with points in them (event/points.h) were left over.
 */
#include <event2/buffer.h>
#include <stdio.h>

int main(void) {
  struct evbuffer *bytes = evbuffer_new();
  int got = bytes == NULL ? -1 : evbuffer_read(bytes, 0, 100);
  printf("%d\n", got);
  if (bytes != NULL) evbuffer_free(bytes);
  return got < 0;
}
