/* Joining a cluster with a token. */
#ifndef CELL_CLI_JOIN_H
#define CELL_CLI_JOIN_H

#include "cli/cli.h"

int cli_join_run(struct cli *cli);

#endif
