/* `cell resolve`: who has a cell, here and elsewhere. */
#ifndef CELL_CLI_RESOLVE_H
#define CELL_CLI_RESOLVE_H

#include "cli/cli.h"
#include "cli/target.h"
#include "proto/gateway.pb-c.h"

int cli_resolve_run(struct cli *cli);

/* What this node's gateway knows of the cell on other nodes; NULL: nothing, or there is no gateway. Says nothing. Free
 * with cli_ask_free. */
Cell__Gateway__ResolveReply *cli_resolve_elsewhere(struct cli *cli, const struct name_ref *ref);

#endif
