/* What the node knows of its cluster: members, topology, discover. */
#ifndef CELL_CLI_CLUSTER_H
#define CELL_CLI_CLUSTER_H

#include "cli/cli.h"

int cli_cluster_members(struct cli *cli);
int cli_cluster_topology(struct cli *cli);
int cli_cluster_discover(struct cli *cli);

/* Tell the others that this node leaves, if membership runs here; a note when it cannot: they find out. */
void cli_cluster_farewell(struct cli *cli);

#endif
