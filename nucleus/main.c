/* cell-nucleus: supervisor and registrar of one node. Only wiring lives here. */
#include "common/run/host.h"
#include "nucleus/demand.h"
#include "nucleus/events.h"
#include "nucleus/rekey.h"
#include "nucleus/service.h"
#include "nucleus/shell.h"
#include "proto/nucleus.pb-c.h"
#include "proto/nucleus.schema.h"

static const struct cell_op ops[] = {
    {CELL__NUCLEUS__OP__OP_STATUS, &cell__nucleus__status_request__descriptor, service_status},
    {CELL__NUCLEUS__OP__OP_APPLY, &cell__nucleus__apply_request__descriptor, service_apply},
    {CELL__NUCLEUS__OP__OP_START, &cell__nucleus__start_request__descriptor, demand_serve_start},
    {CELL__NUCLEUS__OP__OP_STOP, &cell__nucleus__stop_request__descriptor, service_stop},
    {CELL__NUCLEUS__OP__OP_RESTART, &cell__nucleus__restart_request__descriptor, service_restart},
    {CELL__NUCLEUS__OP__OP_SCALE, &cell__nucleus__scale_request__descriptor, service_scale},
    {CELL__NUCLEUS__OP__OP_RESOLVE, &cell__nucleus__resolve_request__descriptor, service_resolve},
    {CELL__NUCLEUS__OP__OP_HEARTBEAT, &cell__nucleus__heartbeat_request__descriptor,
     service_heartbeat},
    {CELL__NUCLEUS__OP__OP_EVENTS, &cell__nucleus__events_request__descriptor, events_serve},
    {CELL__NUCLEUS__OP__OP_DOWN, &cell__nucleus__down_request__descriptor, service_down},
    {CELL__NUCLEUS__OP__OP_REKEY, &cell__nucleus__rekey_request__descriptor, rekey_serve},
};

static const struct cell_def nucleus_cell = {
    .name = "nucleus",
    .state_size = sizeof(struct shell),
    .open = shell_open,
    .start = shell_start,
    .drain = shell_drain,
    .stop = shell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__nucleus__nucleus__descriptor,
    .schema = nucleus_schema,
    .schema_size = sizeof nucleus_schema,
};

int main(int argc, char **argv)
{
    if (shell_args(argc, argv) != ERR_OK) {
        return 64;
    }
    return host_supervisor_main(&nucleus_cell, shell_birth());
}
