/* Join tokens and members, at the issuer of this node. */
#ifndef CELL_CLI_TOKEN_H
#define CELL_CLI_TOKEN_H

#include "cli/cli.h"

int cli_token_run(struct cli *cli);
int cli_token_member(struct cli *cli);

/* `cell rotate cluster-key` where an issuer runs: it draws the key and gives it to all. */
int cli_token_rotate(struct cli *cli);
bool cli_token_has_issuer(struct cli *cli);

#endif
