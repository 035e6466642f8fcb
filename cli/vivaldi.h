/* How far nodes are from each other: `cell vivaldi WHAT …`, and `cell discover NAME --nearest`. */
#ifndef CELL_CLI_VIVALDI_H
#define CELL_CLI_VIVALDI_H

#include "cli/cli.h"

int cli_vivaldi_run(struct cli *cli);

/* `cell discover NAME --nearest`: the nodes that have `name`, the nearest first; is_hasty: by what is known, without measuring. Says
 * so and fails when nobody has it. */
int cli_vivaldi_nearest(struct cli *cli, const char *name, bool is_hasty);

#endif
