/* cell start, stop, restart, scale, apply: orders to the nucleus, and waiting until they are
 * carried out. */
#ifndef CELL_CLI_CONTROL_H
#define CELL_CLI_CONTROL_H

#include "cli/cli.h"

int cli_control_start(struct cli *cli);
int cli_control_stop(struct cli *cli);
int cli_control_restart(struct cli *cli);
int cli_control_scale(struct cli *cli);
int cli_control_apply(struct cli *cli);

#endif
