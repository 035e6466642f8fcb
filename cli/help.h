/* Usage texts, manual pages and completion scripts, made from the table of commands. */
#ifndef CELL_CLI_HELP_H
#define CELL_CLI_HELP_H

#include <stdio.h>

#include "cli/cli.h"

/* Usage of one command, or of all (NULL) on standard output. Without a command on the command line
 * the overview goes to standard error and the status is CLI_USAGE. */
int cli_help_usage(struct cli *cli, const struct cli_command *command);

int cli_help_version(struct cli *cli);

/* Handlers: cell help [COMMAND], cell version. */
int cli_help_run(struct cli *cli);

/* "[--follow] [--tail N] [TARGET …]" without the command's name, for usage and manual. */
void cli_help_synopsis(FILE *out, const struct cli_command *command);

#endif
