/* Files a person names on the command line. */
#ifndef CELL_CLI_FILE_H
#define CELL_CLI_FILE_H

#include <stddef.h>

#include "cli/cli.h"

/* Read a whole file, or standard input for "-", into fresh, terminated memory (free it). Symbolic
 * links are followed: the path is a person's own. CLI_FAILED after saying why. */
int cli_file_read(struct cli *cli, const char *path, size_t max, char **ret, size_t *ret_len)
    MUST_CHECK;

#endif
