/* cell events: what happened on the node. */
#ifndef CELL_CLI_EVENTS_H
#define CELL_CLI_EVENTS_H

#include "cli/cli.h"

int cli_events_run(struct cli *cli);

#endif
