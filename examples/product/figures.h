/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the server counts; /stats shows it.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_FIGURES_H_
#define EVOKE_EXAMPLES_PRODUCT_FIGURES_H_

struct figures {
  long long started_s;       /* on the monotonic clock */
  unsigned long connections; /* accepted */
  unsigned long refused;     /* of these, since the server was full */
  unsigned long lines_in;
  unsigned long lines_out;
  unsigned long lines_too_long;
  unsigned long held;          /* times that a slow reader was held back */
  unsigned long dropped_slow;  /* who read too little */
  unsigned long dropped_idle;  /* who said nothing */
  unsigned long dropped_error; /* whose connection broke */
};

#endif /* EVOKE_EXAMPLES_PRODUCT_FIGURES_H_ */
