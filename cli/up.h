/* cell up and cell down: a node's beginning and end. */
#ifndef CELL_CLI_UP_H
#define CELL_CLI_UP_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/cli.h"

int cli_up_run(struct cli *cli);
int cli_up_down(struct cli *cli);

/* What a node is started with. */
struct cli_up_plan {
    char guard[CLI_PATH_SIZE];
    char manifest[CLI_PATH_SIZE];
    char cells[CLI_PATH_SIZE];      /* where the project's cell binaries are */
    const char *more_cells[8];      /* searched first; NULL ends the list    */
    bool dies_with_us;              /* the node is taken down when this process ends */
};

/* Find cell-guard and its companions. CLI_FAILED after saying where was looked. */
int cli_up_find(struct cli *cli, struct cli_up_plan *plan) MUST_CHECK;

/* Start a guard of its own session, its output in log_path from *ret_offset on. CLI_FAILED after
 * saying why. *ret_pidfd is the caller's. */
int cli_up_spawn(struct cli *cli, const struct cli_up_plan *plan, const char *log_path, pid_t *ret_pid,
                 int *ret_pidfd, off_t *ret_offset) MUST_CHECK;

/* Wait until the guard's nucleus answers. CLI_FAILED after saying why it does not, with the words
 * it left in its log. */
int cli_up_await(struct cli *cli, pid_t guard, int guard_pidfd, const char *log_path, off_t offset,
                 uint32_t deadline_ms) MUST_CHECK;

/* Take the node down and wait until its guard is gone. quiet: print nothing when all is well.
 * ERR_NOT_FOUND-like absence of a node is CLI_DONE with *ret_was_up false. */
int cli_up_end(struct cli *cli, uint32_t deadline_ms, bool *ret_was_up) MUST_CHECK;

#endif
