/* cell status, cell top, cell health: what is running and how it is. */
#ifndef CELL_CLI_STATUS_H
#define CELL_CLI_STATUS_H

#include "cli/cli.h"

int cli_status_run(struct cli *cli);

struct Cell__Nucleus__StatusReply;
struct cli_counters_rates;

/* What the nucleus says of the instance or cell that the command names, or of all; worst first. Free with cli_ask_free. CLI_FAILED or
 * CLI_USAGE after saying why. */
int cli_status_ask(struct cli *cli, struct Cell__Nucleus__StatusReply **ret) MUST_CHECK;

/* The screen `status` shows, without reading it. Sorts reply->cells. */
int cli_status_print(struct cli *cli, struct Cell__Nucleus__StatusReply *reply);

/* The document `status --json` prints; rates: with those of top, NULL: without. */
int cli_status_emit(struct cli *cli, const struct Cell__Nucleus__StatusReply *reply, bool is_line,
                    const struct cli_counters_rates *rates);

#endif
