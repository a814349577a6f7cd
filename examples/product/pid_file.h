/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file that holds the id of the process that serves, for those who send it
 * signals. After a restart it is another one's.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_PID_FILE_H_
#define EVOKE_EXAMPLES_PRODUCT_PID_FILE_H_

/* Both do nothing where `path` is NULL. */

/* Writes it so that no reader ever finds half of it. */
void pid_file_write(const char *path);

/* Removes it, unless it is another process's by now. */
void pid_file_remove(const char *path);

#endif /* EVOKE_EXAMPLES_PRODUCT_PID_FILE_H_ */
