/* Completion: `cell completion SHELL` prints a small script, which asks `cell __complete WORDS` on
 * every TAB. The answer comes from the table of commands and from the names of socket and log
 * files; only the operations of a cell that was named in full are asked from it. */
#ifndef CELL_CLI_COMPLETE_H
#define CELL_CLI_COMPLETE_H

#include "cli/cli.h"

int cli_complete_script(struct cli *cli);

/* cell __complete WORD…: the last word is the one to complete. Prints a candidate a line, a tab and
 * what it is; ":files", ":dirs" and ":nospace" tell the script what to add. */
int cli_complete_run(struct cli *cli);

#endif
