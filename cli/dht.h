/* Values that are found across the world: `cell dht WHAT …`. */
#ifndef CELL_CLI_DHT_H
#define CELL_CLI_DHT_H

#include "cli/cli.h"

int cli_dht_run(struct cli *cli);

#endif
