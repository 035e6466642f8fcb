/* cell-vivaldi: how far nodes are from each other. Only wiring lives here. */
#include "common/run/cell.h"
#include "proto/vivaldi.pb-c.h"
#include "proto/vivaldi.schema.h"
#include "vivaldi/service.h"
#include "vivaldi/shell.h"

static const struct cell_op ops[] = {
    {CELL__VIVALDI__OP__OP_COORD, &cell__vivaldi__coord_request__descriptor, vivaldi_service_coord},
    {CELL__VIVALDI__OP__OP_RTT, &cell__vivaldi__rtt_request__descriptor, vivaldi_service_rtt},
    {CELL__VIVALDI__OP__OP_ROUTE, &cell__vivaldi__route_request__descriptor, vivaldi_service_route},
    {CELL__VIVALDI__OP__OP_STATS, &cell__vivaldi__stats_request__descriptor, vivaldi_service_stats},
    {CELL__VIVALDI__OP__OP_OBSERVE, &cell__vivaldi__observe_request__descriptor, vivaldi_service_observe},
    {CELL__VIVALDI__OP__OP_ESTIMATE, &cell__vivaldi__estimate_request__descriptor, vivaldi_service_estimate},
};

static const struct cell_def vivaldi_cell = {
    .name = "vivaldi",
    .state_size = sizeof(struct vivaldi_shell),
    .open = vivaldi_shell_open,
    .start = vivaldi_shell_start,
    .stop = vivaldi_shell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__vivaldi__vivaldi__descriptor,
    .schema = vivaldi_schema,
    .schema_size = sizeof vivaldi_schema,
};

int main(int argc, char **argv)
{
    return cell_main(&vivaldi_cell, argc, argv);
}
