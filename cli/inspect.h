/* cell inspect: everything one instance says about itself, and what the nucleus says about it. */
#ifndef CELL_CLI_INSPECT_H
#define CELL_CLI_INSPECT_H

#include "cli/cli.h"

int cli_inspect_run(struct cli *cli);

#endif
