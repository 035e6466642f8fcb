/* Commands of several parts: `cell raft put`, `cell token create`. What a part does not look at it does not take: an option
 * that is swallowed is a wish that nobody hears. */
#ifndef CELL_CLI_PART_H
#define CELL_CLI_PART_H

#include "cli/cli.h"

struct cli_part {
    const char *name;
    size_t least, most;  /* arguments after the name */
    const char *options; /* those of the command's that it takes, a blank between two; NULL: it looks itself */
    const char *usage;   /* "put KEY VALUE" */
};

/* Which row the first argument names, after its arguments were counted and its options looked through. rows: of row_size bytes each,
 * with a struct cli_part at the head. -1 after saying what is wrong: the exit status is CLI_USAGE then. */
int cli_part_find(struct cli *cli, const void *rows, size_t row_size, size_t count) MUST_CHECK;
#define CLI_PART_FIND(cli, rows) cli_part_find((cli), &(rows)[0].part, sizeof (rows)[0], ARRAY_LEN(rows))

/* CLI_USAGE, after saying which, when one of the command's options was given that is not among `options`. what: the part, for
 * the text. */
int cli_part_refuse_others(struct cli *cli, const char *what, const char *options) MUST_CHECK;

#endif
