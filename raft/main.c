/* cell-raft: what the cluster agrees on. Only wiring lives here. */
#include <sys/syscall.h>

#include "common/run/cell.h"
#include "proto/raft.pb-c.h"
#include "proto/raft.schema.h"
#include "raft/service.h"
#include "raft/shell.h"

/* An operation, its request, and the handler of that name. */
#define OP(NAME, name) {CELL__RAFT__OP__OP_##NAME, &cell__raft__##name##_request__descriptor, raft_service_##name}

static const struct cell_op ops[] = {
    OP(PUT, put), OP(GET, get), OP(DELETE, delete), OP(RANGE, range), OP(CAS, cas), OP(TXN, txn),
    OP(WATCH, watch), OP(LEASE_GRANT, lease_grant), OP(LEASE_KEEP_ALIVE, lease_keep_alive),
    OP(LEASE_REVOKE, lease_revoke), OP(LEASE_INFO, lease_info), OP(LEASE_LIST, lease_list),
    OP(OPEN_SESSION, open_session), OP(CLOSE_SESSION, close_session), OP(STATUS, status),
    OP(MEMBERS, members), OP(ADD_MEMBER, add_member), OP(REMOVE_MEMBER, remove_member), OP(PROMOTE, promote),
    OP(TRANSFER, transfer), OP(SNAPSHOT, snapshot), OP(COMPACT, compact), OP(BACKUP, backup),
    OP(RESTORE, restore), OP(HASH, hash),
    {CELL__RAFT__OP__OP_PEER, &cell__raft__peer_request__descriptor, raft_peers_take_packets},
    {CELL__RAFT__OP__OP_LINK, &cell__raft__link_request__descriptor, raft_peers_take_link},
    {CELL__RAFT__OP__OP_HELLO, &cell__raft__hello_request__descriptor, raft_found_take_hello},
    {CELL__RAFT__OP__OP_JOIN, &cell__raft__join_request__descriptor, raft_found_take_join},
};

/* However many clients wait: what they wait for comes by these. */
static const uint32_t vital[] = {CELL__RAFT__OP__OP_PEER, CELL__RAFT__OP__OP_LINK};

static const struct cell_syscall syscalls[] = {
    {SYS_flock, "one process has the data directory"},
};

static const struct cell_def raft_cell = {
    .name = "raft",
    .state_size = sizeof(struct raft_shell),
    .open = raft_shell_open,
    .start = raft_shell_start,
    .tick = raft_shell_tick,
    .drain = raft_shell_drain,
    .stop = raft_shell_stop,
    .ops = ops,
    .op_count = ARRAY_LEN(ops),
    .vital = vital,
    .vital_count = ARRAY_LEN(vital),
    .service = &cell__raft__raft__descriptor,
    .schema = raft_schema,
    .schema_size = sizeof raft_schema,
    .has_own_wire = true,
    .syscalls = syscalls,
    .syscall_count = ARRAY_LEN(syscalls),
};

int main(int argc, char **argv)
{
    return cell_main(&raft_cell, argc, argv);
}
