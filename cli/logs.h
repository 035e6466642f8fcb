/* cell logs: the log files of instances, merged and followed. Needs no nucleus. */
#ifndef CELL_CLI_LOGS_H
#define CELL_CLI_LOGS_H

#include "cli/cli.h"

int cli_logs_run(struct cli *cli);

#endif
