/* Where things are: directories of the node, programs and manifests beside this binary. */
#ifndef CELL_CLI_PLACE_H
#define CELL_CLI_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

/* Fill cli->run_dir and cli->state_dir from --run and --state, CELL_RUN and CELL_STATE, or the
 * defaults of this user, as absolute paths. A directory that cannot be told stays "": only commands
 * that need it fail, see cli_place_need. CLI_USAGE: a path is too long. */
int cli_place_dirs(struct cli *cli);

/* CLI_FAILED after saying that the run (or state) directory is unknown. */
int cli_place_need_run(struct cli *cli) MUST_CHECK;
int cli_place_need_state(struct cli *cli) MUST_CHECK;

/* "a/b" into out. false: too long; then `out` is untouched. */
bool cli_place_join(char out[CLI_PATH_SIZE], const char *a, const char *b) MUST_CHECK;

/* `path` as seen from the root; relative ones start at the working directory. false: too long or
 * there is no working directory. */
bool cli_place_absolute(char out[CLI_PATH_SIZE], const char *path) MUST_CHECK;

/* The directory this binary lives in; "" when the kernel does not say. */
void cli_place_binary_dir(char out[CLI_PATH_SIZE]);

/* The source tree this binary was built from, when it still lives in its build directory (meson
 * leaves a note there); false for an installed binary. */
bool cli_place_source_dir(char out[CLI_PATH_SIZE]) MUST_CHECK;

/* A program of the project, "cell-guard": beside this binary, then in libexecdir. */
bool cli_place_program(const char *name, char out[CLI_PATH_SIZE]) MUST_CHECK;

/* The directory in which cell binaries are: that of cell-guard. */
bool cli_place_cells_dir(char out[CLI_PATH_SIZE]) MUST_CHECK;

#endif
