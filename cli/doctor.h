/* cell doctor: a table of checks of this host and this node. */
#ifndef CELL_CLI_DOCTOR_H
#define CELL_CLI_DOCTOR_H

#include "cli/cli.h"

enum {
    CLI_DOCTOR_WHAT_SIZE = 512
};

enum cli_doctor_result {
    CLI_DOCTOR_OK,
    CLI_DOCTOR_WARN, /* works, but less well or less safely */
    CLI_DOCTOR_FAIL, /* a node cannot run like this         */
};

/* One check. `look` writes what it found, on one line. `why` and `fix` are shown unless it is OK. */
struct cli_doctor_check {
    const char *name; /* NULL ends a table */
    const char *why;
    const char *fix;
    enum cli_doctor_result (*look)(struct cli *cli, char what[CLI_DOCTOR_WHAT_SIZE]);
};

extern const struct cli_doctor_check cli_doctor_kernel_checks[]; /* doctor_kernel.c */
extern const struct cli_doctor_check cli_doctor_node_checks[];   /* doctor_node.c   */

int cli_doctor_run(struct cli *cli);

#endif
