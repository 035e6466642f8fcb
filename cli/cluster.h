/* What the node knows of its cluster: members, topology, discover. */
#ifndef CELL_CLI_CLUSTER_H
#define CELL_CLI_CLUSTER_H

#include "cli/cli.h"

int cli_cluster_members(struct cli *cli);
int cli_cluster_topology(struct cli *cli);
int cli_cluster_discover(struct cli *cli);

#endif
