/* A private node: fresh directories, a random namespace, gone without a trace afterwards. */
#ifndef CELL_CLI_LAB_H
#define CELL_CLI_LAB_H

#include "cli/cli.h"
#include "cli/up.h"
#include "common/base/name.h"

struct cli_lab {
    struct cli cli; /* the caller's, with the private directories */
    char root[64];  /* short: socket paths have 107 characters    */
    char space[NAME_SIZE];
    char log_path[CLI_PATH_SIZE]; /* of its nucleus */
    pid_t guard;                  /* 0: none        */
    int guard_pidfd;
};

/* Start a node that runs `manifest` in a namespace of its own and wait until it is ready. cells_dir
 * is searched first; "" for none. CLI_FAILED after saying why; end it with cli_lab_close also then. */
int cli_lab_open(struct cli *cli, const char *manifest, const char *cells_dir, struct cli_lab *lab)
    MUST_CHECK;

/* Take it down and remove its directories. CLI_FAILED after saying what could not be removed. */
int cli_lab_close(struct cli_lab *lab) MUST_CHECK;

#endif
