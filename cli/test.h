/* cell test: run a cell's own cases against it on a private node. */
#ifndef CELL_CLI_TEST_H
#define CELL_CLI_TEST_H

#include "cli/cli.h"

int cli_test_run(struct cli *cli);

#endif
