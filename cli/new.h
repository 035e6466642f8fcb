/* cell new: the folder of a new cell, ready to build, run and test. */
#ifndef CELL_CLI_NEW_H
#define CELL_CLI_NEW_H

#include "cli/cli.h"

int cli_new_run(struct cli *cli);

/* One file of it. In path and text @NAME@, @IDENT@, @CAMEL@, @UPPER@, @NUMBER@, @SOURCE@ and
 * @BUILD@ stand for what cli_new_run puts there. */
struct cli_new_file {
    const char *path; /* NULL ends the list */
    const char *text;
};

extern const struct cli_new_file cli_new_template_files[]; /* new_template.c */

#endif
