/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What may be shown to others. A line comes from anybody and goes to
 * everybody's terminal, so it must be text: an escape sequence would move their
 * cursors.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_TEXT_H_
#define EVOKE_EXAMPLES_PRODUCT_TEXT_H_

#include <stddef.h>

enum {
  LINE_BYTES = 1000, /* of what a client types, without its end */
  NAME_BYTES = 20,   /* of a person or a room */
  /* Of what goes out: a line, who said it, and some words. */
  TOLD_BYTES = LINE_BYTES + 100,
};

/* Puts '?' in the place of each byte that is no part of a character in UTF-8,
 * and of each control character but the tab. */
void text_clean(char *text, size_t length);

/* Letters, digits, '-' and '_', NAME_BYTES of them at most. */
int text_is_name(const char *name);

#endif /* EVOKE_EXAMPLES_PRODUCT_TEXT_H_ */
