/* cell-datapath: the encrypted overlay. Only wiring lives here. */
#include "common/run/cell.h"
#include "datapath/service.h"
#include "datapath/shell.h"
#include "proto/datapath.pb-c.h"
#include "proto/datapath.schema.h"

static const struct cell_op ops[] = {
    {CELL__DATAPATH__OP__OP_STATUS, &cell__datapath__status_request__descriptor, datapath_service_status},
    {CELL__DATAPATH__OP__OP_PEERS, &cell__datapath__peers_request__descriptor, datapath_service_peers},
    {CELL__DATAPATH__OP__OP_ADD_PEER, &cell__datapath__add_peer_request__descriptor, datapath_service_add_peer},
    {CELL__DATAPATH__OP__OP_REMOVE_PEER, &cell__datapath__remove_peer_request__descriptor, datapath_service_remove_peer},
    {CELL__DATAPATH__OP__OP_STATS, &cell__datapath__stats_request__descriptor, datapath_service_stats},
    {CELL__DATAPATH__OP__OP_PING, &cell__datapath__ping_request__descriptor, datapath_service_ping},
    {CELL__DATAPATH__OP__OP_CAPTURE, &cell__datapath__capture_request__descriptor, datapath_service_capture},
};

static const struct cell_def datapath_cell = {
    .name = "datapath",
    .state_size = sizeof(struct datapath_shell),
    .open = datapath_shell_open,
    .start = datapath_shell_start,
    .tick = datapath_shell_tick,
    .granted = datapath_shell_granted,
    .drain = datapath_shell_drain,
    .stop = datapath_shell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__datapath__datapath__descriptor,
    .schema = datapath_schema,
    .schema_size = sizeof datapath_schema,
};

int main(int argc, char **argv)
{
    return cell_main(&datapath_cell, argc, argv);
}
