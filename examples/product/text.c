/* SPDX-License-Identifier: BSD-3-Clause */
#include "examples/product/text.h"

#include <string.h>

/* How many bytes the character at `text` has, of `left` at most; 0 when it is
 * no character, or is written with more bytes than it needs. */
static size_t character_bytes(const unsigned char *text, size_t left) {
  static const unsigned long lowest[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned long code;
  size_t bytes, i;
  if (text[0] < 0x80) return 1;
  if (text[0] < 0xc0 || text[0] > 0xf4) return 0;
  bytes = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
  if (bytes > left) return 0;
  code = text[0] & (0xffu >> (bytes + 1));
  for (i = 1; i < bytes; ++i) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    code = code << 6 | (text[i] & 0x3f);
  }
  if (code < lowest[bytes] || code > 0x10ffff) return 0;
  if (code >= 0xd800 && code <= 0xdfff) return 0; /* halves of a pair */
  if (code < 0xa0) return 0;                      /* controls, once more */
  return bytes;
}

static int is_control(unsigned char byte) {
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

void text_clean(char *text, size_t length) {
  size_t i = 0;
  while (i < length) {
    unsigned char *here = (unsigned char *)text + i;
    size_t bytes = character_bytes(here, length - i);
    if (bytes == 0 || is_control(*here)) {
      *here = '?';
      bytes = 1;
    }
    i += bytes;
  }
}

int text_is_name(const char *name) {
  size_t length = strspn(name,
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789-_");
  return length > 0 && length <= NAME_BYTES && name[length] == '\0';
}
