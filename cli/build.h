/* Building a cell's folder with meson and ninja. */
#ifndef CELL_CLI_BUILD_H
#define CELL_CLI_BUILD_H

#include "cli/cli.h"

/* Configure `dir`/build if it is not yet, then build it. CLI_FAILED after saying which step failed,
 * with the last lines it printed. */
int cli_build_dir(struct cli *cli, const char *dir) MUST_CHECK;

#endif
