/* cell status, cell top, cell health: what is running and how it is. */
#ifndef CELL_CLI_STATUS_H
#define CELL_CLI_STATUS_H

#include "cli/cli.h"

int cli_status_run(struct cli *cli);

struct Cell__Nucleus__StatusReply;
struct cli_counters_rates;

/* The screen `status` shows, without reading it. Sorts reply->cells. */
int cli_status_print(struct cli *cli, struct Cell__Nucleus__StatusReply *reply);

/* The document `status --json` prints; rates: with those of top, NULL: without. */
int cli_status_emit(struct cli *cli, const struct Cell__Nucleus__StatusReply *reply, bool is_line,
                    const struct cli_counters_rates *rates);

#endif
