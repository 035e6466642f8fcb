/* cell-renewer: fetches what is new for this node from the issuer of its cluster. Only wiring lives here. */
#include "proto/renewer.pb-c.h"
#include "proto/renewer.schema.h"
#include "renewer/service.h"
#include "renewer/shell.h"

static const struct cell_op ops[] = {
    {CELL__RENEWER__OP__OP_STATE, &cell__renewer__state_request__descriptor, renewer_service_state},
};

static const struct cell_def renewer_cell = {
    .name = "renewer",
    .state_size = sizeof(struct renewer_shell),
    .open = renewer_shell_open,
    .start = renewer_shell_start,
    .granted = renewer_shell_granted,
    .stop = renewer_shell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__renewer__renewer__descriptor,
    .schema = renewer_schema,
    .schema_size = sizeof renewer_schema,
};

int main(int argc, char **argv)
{
    return cell_main(&renewer_cell, argc, argv);
}
