/* Whom requests can go to: one endpoint a path, with its breaker, its queue and, while it is used, a
 * connection. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/run/ask_core.h"

static enum err endpoint_new(struct cell *cell, const char *path, const char *route, bool is_urgent,
                             struct ask_endpoint **ret)
{
    struct ask_endpoint *e = calloc(1, sizeof *e);
    struct balance_endpoint *self[] = {(struct balance_endpoint *)e};

    if (e == NULL) {
        return ERR_NOMEM;
    }
    e->cell = cell;
    e->is_urgent = is_urgent;
    e->line[ASK_IPC].transport = &ask_ipc_transport;
    e->line[ASK_SHM].transport = &ask_shm_transport;
    e->upgrade.wait_ms = ASK_CHANNEL_WAIT_MS;
    e->batch_bytes = ASK_BATCH_BYTES;
    e->core.weight = BALANCE_WEIGHT_ONE;
    e->used_ms = loop_now_ms();
    (void)snprintf(e->path, sizeof e->path, "%s", path);
    (void)snprintf(e->route, sizeof e->route, "%s", route);
    client_init(&e->own, rng_next(&cell->asks->rng));
    balance_set(&e->own.list, self, 1);
    *ret = e;
    return ERR_OK;
}

/* Whether nothing is lost with it but what its breaker and its connection remember. */
static bool is_free(const struct ask_endpoint *e)
{
    return e->uses == 0 && e->core.outstanding == 0;
}

enum err ask_endpoint_get(struct cell *cell, const char *path, const char *route, bool is_urgent,
                          struct ask_endpoint **ret)
{
    struct asks *asks = cell->asks;
    size_t place = ASK_ENDPOINTS_MAX;

    for (size_t i = 0; i < ASK_ENDPOINTS_MAX; i++) {
        struct ask_endpoint *e = asks->endpoints[i];
        if (e == NULL) {
            place = i;
            break; /* slots fill from the left and are only reused */
        }
        if (e->is_urgent == is_urgent && strcmp(e->path, path) == 0 && strcmp(e->route, route) == 0) {
            *ret = e;
            return ERR_OK;
        }
        if (is_free(e) && (place == ASK_ENDPOINTS_MAX || e->used_ms < asks->endpoints[place]->used_ms)) {
            place = i;
        }
    }
    if (place == ASK_ENDPOINTS_MAX) {
        return ERR_LIMIT;
    }
    struct ask_endpoint *fresh;
    enum err e = endpoint_new(cell, path, route, is_urgent, &fresh);
    if (e != ERR_OK) {
        return e;
    }
    ask_endpoint_free(asks->endpoints[place]);
    asks->endpoints[place] = *ret = fresh;
    return ERR_OK;
}

void ask_endpoint_open(struct ask_endpoint *e)
{
    struct ask_line *ipc = &e->line[ASK_IPC];

    e->used_ms = e->cell->asks->now_ms;
    if (ipc->wire != NULL) {
        return;
    }
    enum err failed = ipc->transport->open(e, &ipc->wire);
    if (failed != ERR_OK) {
        /* Who waits loses patience in time, goes elsewhere or tries again. */
        log_warn("ASK-OPEN", "path=%s error=%s action=later", e->path, err_name(failed));
        client_line(&e->core, BALANCE_LINE_DOWN);
        return;
    }
    client_line(&e->core, BALANCE_LINE_CONNECTING);
}

static void close_lines(struct ask_endpoint *e)
{
    for (size_t way = 0; way < ASK_WAYS; way++) {
        struct ask_line *line = &e->line[way];
        if (line->wire != NULL) {
            line->transport->close(line->wire);
            line->wire = NULL;
        }
        line->note_count = 0; /* about requests of a connection that is no more */
    }
    e->upgrade.id = 0;
    client_line(&e->core, BALANCE_LINE_IDLE);
}

void ask_endpoint_idle(struct asks *asks, uint64_t now_ms, uint64_t *next_ms)
{
    for (size_t i = 0; i < ASK_ENDPOINTS_MAX; i++) {
        struct ask_endpoint *e = asks->endpoints[i];
        if (e == NULL || e->line[ASK_IPC].wire == NULL || e->core.outstanding > 0) {
            continue;
        }
        if (now_ms >= e->used_ms + ASK_IDLE_MS) {
            close_lines(e);
        } else if (e->used_ms + ASK_IDLE_MS < *next_ms) {
            *next_ms = e->used_ms + ASK_IDLE_MS;
        }
    }
}

void ask_endpoint_free(struct ask_endpoint *e)
{
    if (e == NULL) {
        return;
    }
    assert(e->core.outstanding == 0 && e->waiting.first == NULL);
    close_lines(e);
    for (size_t way = 0; way < ASK_WAYS; way++) {
        free(e->line[way].notes);
    }
    free(e);
}

/* ---- looking in -------------------------------------------------------------------------------- */

static const char *line_name(enum balance_line line)
{
    switch (line) {
    case BALANCE_LINE_IDLE:
        return "idle";
    case BALANCE_LINE_CONNECTING:
        return "connecting";
    case BALANCE_LINE_UP:
        return "up";
    case BALANCE_LINE_DOWN:
        return "down";
    }
    assert(false);
    return "";
}

void ask_endpoint_describe(struct cell *cell, Cell__Inspect__DescribeReply *reply,
                           struct cell_call *call)
{
    Cell__Inspect__Connection **slot = cell_call_alloc(call, ASK_ENDPOINTS_MAX * sizeof *slot);

    for (size_t i = 0; slot != NULL && i < ASK_ENDPOINTS_MAX; i++) {
        const struct ask_endpoint *e = cell->asks->endpoints[i];
        /* What is known of an instance that was never asked is not a connection. */
        bool is_shown = e != NULL && (e->requests > 0 || e->core.outstanding > 0 ||
                                      e->line[ASK_IPC].wire != NULL);
        Cell__Inspect__Connection *one = is_shown ? cell_call_alloc(call, sizeof *one) : NULL;
        if (one != NULL) {
            *one = (Cell__Inspect__Connection)CELL__INSPECT__CONNECTION__INIT;
            one->peer = (char *)e->path;
            one->route = (char *)e->route;
            ask_channel_describe(e, call, one);
            one->requests = e->requests;
            one->outstanding = e->core.outstanding;
            one->breaker = (char *)breaker_name(&e->core.breaker);
            one->state = (char *)line_name(e->core.line);
            slot[reply->n_connections++] = one;
        }
    }
    reply->connections = slot;
}
