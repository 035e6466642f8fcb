/* `cell overlay`: the encrypted overlay of this node, and who is in it. */
#ifndef CELL_CLI_OVERLAY_H
#define CELL_CLI_OVERLAY_H

#include "cli/cli.h"

int cli_overlay_run(struct cli *cli);

#endif
