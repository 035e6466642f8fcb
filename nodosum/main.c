/* cell-nodosum: who is in the cluster. Only wiring lives here. */
#include "common/run/cell.h"
#include "nodosum/service.h"
#include "nodosum/shell.h"
#include "proto/nodosum.pb-c.h"
#include "proto/nodosum.schema.h"

static const struct cell_op ops[] = {
    {CELL__NODOSUM__OP__OP_MEMBERS, &cell__nodosum__members_request__descriptor, nodosum_service_members},
    {CELL__NODOSUM__OP__OP_WATCH, &cell__nodosum__watch_request__descriptor, nodosum_service_watch},
    {CELL__NODOSUM__OP__OP_LEAVE, &cell__nodosum__leave_request__descriptor, nodosum_service_leave},
    {CELL__NODOSUM__OP__OP_TOPOLOGY, &cell__nodosum__topology_request__descriptor, nodosum_service_topology},
    {CELL__NODOSUM__OP__OP_DISCOVER, &cell__nodosum__discover_request__descriptor, nodosum_service_discover},
    {CELL__NODOSUM__OP__OP_RTTS, &cell__nodosum__rtts_request__descriptor, nodosum_service_rtts},
    {CELL__NODOSUM__OP__OP_OFFER, &cell__nodosum__offer_request__descriptor, nodosum_service_offer},
    {CELL__NODOSUM__OP__OP_KEYS, &cell__nodosum__keys_request__descriptor, nodosum_service_keys},
    {CELL__NODOSUM__OP__OP_PLACE, &cell__nodosum__place_request__descriptor, nodosum_service_place},
    {CELL__NODOSUM__OP__OP_PLACES, &cell__nodosum__places_request__descriptor, nodosum_service_places},
    {CELL__NODOSUM__OP__OP_MEASURE, &cell__nodosum__measure_request__descriptor, nodosum_service_measure},
};

static const struct cell_def nodosum_cell = {
    .name = "nodosum",
    .state_size = sizeof(struct nodosum_shell),
    .open = nodosum_shell_open,
    .start = nodosum_shell_start,
    .granted = nodosum_shell_granted,
    .stop = nodosum_shell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .service = &cell__nodosum__nodosum__descriptor,
    .schema = nodosum_schema,
    .schema_size = sizeof nodosum_schema,
};

int main(int argc, char **argv)
{
    return cell_main(&nodosum_cell, argc, argv);
}
