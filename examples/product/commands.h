/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a client can ask for by a line that begins with '/'.
 */
#ifndef EVOKE_EXAMPLES_PRODUCT_COMMANDS_H_
#define EVOKE_EXAMPLES_PRODUCT_COMMANDS_H_

struct client;

/* `line` is without the '/'; it is changed. */
void command_run(struct client *client, char *line);

#endif /* EVOKE_EXAMPLES_PRODUCT_COMMANDS_H_ */
