/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The head of an HTTP request comes in two pieces, as the network happens to
 * cut it. Is its end found wherever the cut is?
 */
#include <event2/buffer.h>
#include <stdio.h>
#include <string.h>

static const char kRequest[] = "GET / HTTP/1.0\r\nHost: here\r\n\r\n";

int main(void) {
  const size_t length = strlen(kRequest);
  const ev_ssize_t end = (ev_ssize_t)length - 4;
  int missed = 0;
  for (size_t cut = 1; cut < length; ++cut) {
    struct evbuffer *input = evbuffer_new();
    struct evbuffer_ptr found;
    /* Two pieces of memory, as from two reads. */
    evbuffer_add_reference(input, kRequest, cut, NULL, NULL);
    evbuffer_add_reference(input, kRequest + cut, length - cut, NULL, NULL);
    found = evbuffer_search(input, "\r\n\r\n", 4, NULL);
    evbuffer_free(input);
    if (found.pos == end) continue;
    ++missed;
    printf("%zu bytes and %zu bytes: no end of the head\n", cut, length - cut);
  }
  if (missed == 0) printf("found in each of %zu cases\n", length - 1);
  return missed == 0 ? 0 : 1;
}
