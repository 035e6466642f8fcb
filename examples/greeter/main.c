/* cell-greeter: the example cell. Only wiring lives here. */
#include "common/run/cell.h"
#include "greeter.pb-c.h"
#include "greeter.schema.h"
#include "service.h"

static const struct cell_op ops[] = {
    {CELL__GREETER__OP__OP_GREET, &cell__greeter__greet_request__descriptor, greeter_service_greet},
};

static const struct cell_def greeter_cell = {
    .name = "greeter",
    .state_size = sizeof(struct greeter_service),
    .open = greeter_service_open,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__greeter__greeter__descriptor,
    .schema = greeter_schema,
    .schema_size = sizeof greeter_schema,
};

int main(int argc, char **argv)
{
    return cell_main(&greeter_cell, argc, argv);
}
