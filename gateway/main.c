/* cell-gateway: the door between nodes. Only wiring lives here. */
#include "gateway/service.h"
#include "gateway/shell.h"
#include "proto/gateway.pb-c.h"
#include "proto/gateway.schema.h"

static const struct cell_op ops[] = {
    {CELL__GATEWAY__OP__OP_LINKS, &cell__gateway__links_request__descriptor, gateway_service_links},
    {CELL__GATEWAY__OP__OP_RESOLVE, &cell__gateway__resolve_request__descriptor, gateway_resolve_serve},
};

static const struct cell_def gateway_cell = {
    .name = "gateway",
    .state_size = sizeof(struct gateway_shell),
    .open = gateway_shell_open,
    .start = gateway_shell_start,
    .tick = gateway_shell_tick,
    .granted = gateway_shell_granted,
    .stop = gateway_shell_stop,
    .forward = gateway_outbound_forward,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__gateway__gateway__descriptor,
    .schema = gateway_schema,
    .schema_size = sizeof gateway_schema,
};

int main(int argc, char **argv)
{
    return cell_main(&gateway_cell, argc, argv);
}
