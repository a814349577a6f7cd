/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the server tells whoever runs it: one line on stderr for each thing that
 * happens, "chat[PID]: ...", written at once, so that the lines of two
 * processes that share a file do not mix. The time is added by who collects
 * them. Nothing that a client says is logged.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_LOG_H_
#define EVOKE_EXAMPLES_PRODUCT_LOG_H_

/* Also takes what the library has to say. `verbose`: details too. */
void log_open(int verbose);

void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Adds what errno means. */
void log_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* EVOKE_EXAMPLES_PRODUCT_LOG_H_ */
