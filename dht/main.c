/* cell-dht: things that are found among many nodes. Only wiring lives here. */
#include "common/run/cell.h"
#include "dht/service.h"
#include "dht/shell.h"
#include "proto/dht.pb-c.h"
#include "proto/dht.schema.h"

static const struct cell_op ops[] = {
    {CELL__DHT__OP__OP_PUT, &cell__dht__put_request__descriptor, dht_service_put},
    {CELL__DHT__OP__OP_GET, &cell__dht__get_request__descriptor, dht_service_get},
    {CELL__DHT__OP__OP_REMOVE, &cell__dht__remove_request__descriptor, dht_service_remove},
    {CELL__DHT__OP__OP_STATS, &cell__dht__stats_request__descriptor, dht_service_stats},
    {CELL__DHT__OP__OP_LOOKUP, &cell__dht__lookup_request__descriptor, dht_service_lookup},
    {CELL__DHT__OP__OP_BOOTSTRAP, &cell__dht__bootstrap_request__descriptor, dht_service_bootstrap},
    {CELL__DHT__OP__OP_ANNOUNCE, &cell__dht__announce_request__descriptor, dht_service_announce},
    {CELL__DHT__OP__OP_FIND, &cell__dht__find_request__descriptor, dht_service_find},
};

static const struct cell_def dht_cell = {
    .name = "dht",
    .state_size = sizeof(struct dht_shell),
    .open = dht_shell_open,
    .start = dht_shell_start,
    .granted = dht_shell_granted,
    .stop = dht_shell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__dht__dht__descriptor,
    .schema = dht_schema,
    .schema_size = sizeof dht_schema,
};

int main(int argc, char **argv)
{
    return cell_main_own_wire(&dht_cell, argc, argv);
}
