/* What `cell test` is about: the folder of a cell, its manifest and its cases. */
#ifndef CELL_CLI_SUBJECT_H
#define CELL_CLI_SUBJECT_H

#include "cli/cases.h"
#include "cli/cli.h"
#include "common/base/name.h"

struct cli_subject {
    char dir[CLI_PATH_SIZE];
    char cell[NAME_SIZE];          /* the first of its manifest: what a bare operation means */
    char cells_dir[CLI_PATH_SIZE]; /* where its binary is; "": beside ours                   */
    char *manifest;                /* YAML, as it stands in the folder                       */
    struct cli_cases cases;
};

/* Find the folder that `what` names (a directory, or a cell of this tree; NULL: here), read its
 * manifest and its cases and build it. CLI_FAILED or CLI_USAGE after saying why. Free with
 * cli_subject_fini also then. */
int cli_subject_open(struct cli *cli, const char *what, struct cli_subject *s) MUST_CHECK;
void cli_subject_fini(struct cli_subject *s);

#endif
