/* cell health: what every instance says of itself, beside what the nucleus says of it. */
#ifndef CELL_CLI_HEALTH_H
#define CELL_CLI_HEALTH_H

#include "cli/cli.h"

int cli_health_run(struct cli *cli);

#endif
