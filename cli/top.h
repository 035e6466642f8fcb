/* cell top: the status, again and again. */
#ifndef CELL_CLI_TOP_H
#define CELL_CLI_TOP_H

#include "cli/cli.h"

int cli_top_run(struct cli *cli);

#endif
