#include "raft/engine.h"

#include <stdlib.h>

#include "common/run/host.h"
#include "common/run/log.h"
#include "raft/shell.h"

/* The log and the store of this cell. */
const struct raft_engine_def raft_engine_embedded = {
    .name = "embedded",
    .lacks = "",
    .state_size = sizeof(struct raft_shell),
    .open = raft_shell_open,
    .start = raft_shell_start,
    .tick = raft_shell_tick,
    .drain = raft_shell_drain,
    .stop = raft_shell_stop,
    .put = raft_service_put,
    .get = raft_service_get,
    .delete = raft_service_delete,
    .range = raft_service_range,
    .cas = raft_service_cas,
    .txn = raft_service_txn,
    .watch = raft_service_watch,
    .lease_grant = raft_service_lease_grant,
    .lease_keep_alive = raft_service_lease_keep_alive,
    .lease_revoke = raft_service_lease_revoke,
    .lease_info = raft_service_lease_info,
    .lease_list = raft_service_lease_list,
    .open_session = raft_service_open_session,
    .close_session = raft_service_close_session,
    .status = raft_service_status,
    .members = raft_service_members,
    .add_member = raft_service_add_member,
    .remove_member = raft_service_remove_member,
    .promote = raft_service_promote,
    .transfer = raft_service_transfer,
    .snapshot = raft_service_snapshot,
    .compact = raft_service_compact,
    .backup = raft_service_backup,
    .restore = raft_service_restore,
    .hash = raft_service_hash,
    .peer = raft_peers_take_packets,
    .link = raft_peers_take_link,
    .hello = raft_found_take_hello,
    .join = raft_found_take_join,
};

enum err raft_engine_open(struct cell *cell, void *state)
{
    struct raft_engine *g = state;
    AUTO_FREE struct raft_settings *settings = calloc(1, sizeof *settings);
    char why[CONF_WHY_SIZE];

    if (settings == NULL) {
        return ERR_NOMEM;
    }
    enum err e = raft_settings_read(cell_config(cell), cell_name(cell), cell_instance(cell), cell->birth.node, settings, why);
    if (e != ERR_OK) {
        log_error("RAFT-ENGINE-CONFIG", "why=\"%s\"", e == ERR_INVALID ? why : err_text(e));
        return e;
    }
    g->def = settings->etcd.endpoints > 0 ? &raft_engine_etcd : &raft_engine_embedded;
    g->state = calloc(1, g->def->state_size);
    return g->state != NULL ? g->def->open(cell, g->state) : ERR_NOMEM;
}

enum err raft_engine_start(struct cell *cell, void *state)
{
    struct raft_engine *g = state;

    return g->def->start(cell, g->state);
}

void raft_engine_tick(void *state, uint64_t now_ms)
{
    struct raft_engine *g = state;

    if (g->def != NULL && g->def->tick != NULL) {
        g->def->tick(g->state, now_ms);
    }
}

void raft_engine_drain(void *state)
{
    struct raft_engine *g = state;

    if (g->def->drain != NULL) {
        g->def->drain(g->state);
    }
}

/* Accepts one that was not opened. */
void raft_engine_stop(void *state)
{
    struct raft_engine *g = state;

    if (g->state != NULL) {
        g->def->stop(g->state);
    }
    free(g->state);
    *g = (struct raft_engine){0};
}

static enum err refuse(const struct raft_engine *g, struct cell_call *call)
{
    cell_call_explain(call, "the engine %s has no such operation: %s", g->def->name, g->def->lacks);
    return ERR_UNIMPLEMENTED;
}

#define X(NUMBER, name)                                                                            \
    enum err raft_engine_do_##name(void *state, struct cell_call *call, const void *request)          \
    {                                                                                              \
        struct raft_engine *g = state;                                                             \
                                                                                                   \
        return g->def->name != NULL ? g->def->name(g->state, call, request) : refuse(g, call);     \
    }
RAFT_ENGINE_MAP(X)
#undef X
