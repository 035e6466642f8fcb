/* cell man DIR: the manual pages. */
#ifndef CELL_CLI_MAN_H
#define CELL_CLI_MAN_H

#include <stdio.h>

#include "cli/cli.h"

int cli_man_run(struct cli *cli);

/* One page in troff's man macros: of a command, or of `cell` itself (NULL). */
void cli_man_page(FILE *out, const struct cli_command *command);

#endif
