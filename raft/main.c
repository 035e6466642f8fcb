/* cell-raft: what the cluster agrees on. Only wiring lives here. */
#include <sys/syscall.h>

#include "common/run/cell.h"
#include "proto/raft.pb-c.h"
#include "proto/raft.schema.h"
#include "raft/engine.h"

static const struct cell_op ops[] = {
#define X(NUMBER, name) {CELL__RAFT__OP__OP_##NUMBER, &cell__raft__##name##_request__descriptor, raft_engine_do_##name},
    RAFT_ENGINE_MAP(X)
#undef X
};

/* However many clients wait: what they wait for comes by these. */
static const uint32_t vital[] = {CELL__RAFT__OP__OP_PEER, CELL__RAFT__OP__OP_LINK};

static const struct cell_syscall syscalls[] = {
    {SYS_flock, "one process has the data directory"},
    {SYS_sync_file_range, "segments and snapshots reach the disk in pieces"},
};

static const struct cell_def raft_cell = {
    .name = "raft",
    .state_size = sizeof(struct raft_engine),
    .open = raft_engine_open,
    .start = raft_engine_start,
    .tick = raft_engine_tick,
    .drain = raft_engine_drain,
    .stop = raft_engine_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .vital = vital,
    .vital_count = ARRAY_LEN(vital),
    .service = &cell__raft__raft__descriptor,
    .schema = raft_schema,
    .schema_size = sizeof raft_schema,
    .syscalls = syscalls,
    .syscall_count = ARRAY_LEN(syscalls),
};

int main(int argc, char **argv)
{
    return cell_main_own_wire(&raft_cell, argc, argv);
}
