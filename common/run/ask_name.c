/* From names to endpoints. A name without instance number stands for whoever the supervisor says; its
 * list is believed for a second. A name with one is that instance, there or nowhere. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/ask_core.h"
#include "proto/nucleus.ops.h"
#include "proto/nucleus.pb-c.h"

/* A name without instance number, and what the supervisor said it stands for. */
struct ask_name {
    struct client_target target;
    char ref[NAME_REF_SIZE];
    struct ask_endpoint *listed[BALANCE_ENDPOINTS_MAX];
    size_t count;
    uint64_t fresh_until_ms;
    uint64_t used_ms;
    uint32_t uses; /* requests that have not ended */
    bool is_resolving;
    struct ask_list waiting; /* until the supervisor has answered */
};

/* ---- paths ------------------------------------------------------------------------------------- */

enum err ask_name_path(struct cell *cell, const char *endpoint, char out[HOST_PATH_SIZE])
{
    int len = snprintf(out, HOST_PATH_SIZE, "%s/%s", cell->birth.run_dir, endpoint);

    return strstr(endpoint, "..") == NULL && len > 0 && len <= SP_PATH_MAX ? ERR_OK : ERR_INVALID;
}

const char *ask_name_endpoint(const struct cell *cell, const char *path)
{
    const char *endpoint = path + strlen(cell->birth.run_dir) + 1;

    return strcmp(endpoint, "nucleus.sock") == 0 ? NULL : endpoint;
}

static enum err instance_path(struct cell *cell, const struct name_ref *ref, char out[HOST_PATH_SIZE])
{
    char endpoint[3 * NAME_SIZE];
    const char *space = ref->space[0] != '\0' ? ref->space : cell->birth.space;

    (void)snprintf(endpoint, sizeof endpoint, "%s/%s.%" PRId32 ".sock", space, ref->cell,
                   ref->instance);
    return ask_name_path(cell, endpoint, out);
}

static bool is_same_cell(const struct cell *cell, const struct name_ref *a, const struct name_ref *b)
{
    const char *space_a = a->space[0] != '\0' ? a->space : cell->birth.space;
    const char *space_b = b->space[0] != '\0' ? b->space : cell->birth.space;

    return strcmp(a->cell, b->cell) == 0 && strcmp(space_a, space_b) == 0;
}

struct ask_endpoint *ask_name_hint(struct cell *cell, const struct ask_request *r, const char *hint)
{
    struct name_ref there, asked;
    char path[HOST_PATH_SIZE];
    struct ask_endpoint *e;

    /* Who was asked by number is meant and nobody else; another cell is not ours to ask. */
    if (r->name == NULL || hint == NULL || name_ref_parse(hint, &there) != ERR_OK ||
        there.node[0] != '\0' || there.instance < 0 || name_ref_parse(r->name->ref, &asked) != ERR_OK ||
        asked.node[0] != '\0' || /* its hints are for the gateway there */
        !is_same_cell(cell, &there, &asked) || instance_path(cell, &there, path) != ERR_OK ||
        ask_endpoint_get(cell, path, "", &e) != ERR_OK) {
        return NULL;
    }
    return e;
}

/* ---- what a name stands for -------------------------------------------------------------------- */

static void unlist(struct ask_name *name)
{
    for (size_t i = 0; i < name->count; i++) {
        name->listed[i]->uses--;
    }
    name->count = 0;
}

static bool is_listed(const struct ask_name *name, const struct ask_endpoint *e)
{
    for (size_t i = 0; i < name->count; i++) {
        if (name->listed[i] == e) {
            return true;
        }
    }
    return false;
}

/* A cell of another node: its gateways here are listed. */
static bool is_elsewhere(const struct ask_name *name)
{
    return strchr(name->ref, '@') != NULL;
}

static void list_one(struct cell *cell, struct ask_name *name, const Cell__Nucleus__Resolved *one)
{
    char path[HOST_PATH_SIZE];
    struct ask_endpoint *e;

    if (!one->healthy || name->count == BALANCE_ENDPOINTS_MAX ||
        ask_name_path(cell, one->endpoint, path) != ERR_OK ||
        ask_endpoint_get(cell, path, is_elsewhere(name) ? name->ref : "", &e) != ERR_OK || is_listed(name, e)) {
        return;
    }
    double weight = one->score > 0 && one->score <= 1 ? one->score * BALANCE_WEIGHT_ONE : 0;
    e->core.weight = (uint32_t)weight;
    e->core.latency_us = one->latency_us;
    e->uses++;
    name->listed[name->count++] = e;
}

static void publish(struct ask_name *name)
{
    struct balance_endpoint *list[BALANCE_ENDPOINTS_MAX];

    for (size_t i = 0; i < name->count; i++) {
        list[i] = &name->listed[i]->core;
    }
    balance_set(&name->target.list, list, name->count);
}

static void learn(struct cell *cell, struct ask_name *name,
                  const Cell__Nucleus__ResolveReply *reply)
{
    struct ask_endpoint *old[BALANCE_ENDPOINTS_MAX];
    size_t old_count = name->count;

    memcpy(old, name->listed, old_count * sizeof *old);
    name->count = 0; /* the old ones keep their count until the new ones have theirs */
    for (size_t i = 0; i < reply->n_instances; i++) {
        list_one(cell, name, reply->instances[i]);
    }
    for (size_t i = 0; i < old_count; i++) {
        old[i]->uses--;
    }
    publish(name);
    name->fresh_until_ms = loop_now_ms() + ASK_FRESH_MS;
}

/* What waits for an instance that the name no longer stands for goes to one of those it does. With
 * none at all it stays: an instance that is restarted comes back where it was. */
static void reroute(struct cell *cell, struct ask_name *name)
{
    struct ask_request *next;

    for (size_t i = 0; name->count > 0 && i < ASK_ENDPOINTS_MAX; i++) {
        struct ask_endpoint *e = cell->asks->endpoints[i];
        if (e == NULL || is_listed(name, e)) {
            continue;
        }
        for (struct ask_request *r = e->waiting.first; r != NULL; r = next) {
            next = r->next;
            if (r->name == name) {
                ask_step_kind(cell, r, CLIENT_EV_UNLISTED);
            }
        }
    }
}

/* ---- asking the supervisor --------------------------------------------------------------------- */

struct resolving {
    struct cell *cell;
    struct ask_name *name;
};

static enum err resolve(struct cell *cell, struct ask_name *name);

/* The supervisor did not answer at all. */
static bool is_silent(enum err e)
{
    return e == ERR_TIMEOUT || e == ERR_PEER_DEAD;
}

/* Those who wait: to the instances there are, or the end. */
static void release(struct cell *cell, struct ask_name *name, enum err e, const char *text)
{
    struct ask_list waiting = name->waiting;

    name->waiting = (struct ask_list){0};
    while (waiting.first != NULL) {
        struct ask_request *r = waiting.first;
        r->list = &waiting;
        ask_list_remove(r);
        if (name->count > 0) {
            ask_step_kind(cell, r, CLIENT_EV_ASKED);
        } else {
            r->text = text;
            ask_step(cell, r, (struct client_event){.kind = CLIENT_EV_NOBODY, .e = e});
        }
    }
}

static void on_resolved(void *context, enum err e, const struct ProtobufCMessage *reply,
                        const char *text)
{
    struct resolving *resolving = context;
    struct cell *cell = resolving->cell;
    struct ask_name *name = resolving->name;

    free(resolving);
    name->is_resolving = false;
    if (e == ERR_OK) {
        learn(cell, name, (const Cell__Nucleus__ResolveReply *)reply);
        reroute(cell, name);
        text = "no healthy instance";
        e = ERR_UNAVAILABLE; /* of those who wait, should there be none */
    } else if (!is_silent(e) && !err_is_transient(e)) {
        unlist(name); /* it knows better than we remember */
        publish(name);
    }
    if (name->count == 0 && is_silent(e) && name->waiting.first != NULL &&
        resolve(cell, name) == ERR_OK) {
        return; /* those who wait have time left; a supervisor that restarts takes a moment */
    }
    release(cell, name, e, text);
    ask_settle(cell); /* before `text` goes; one callback may make this name's place another's */
}

static enum err resolve(struct cell *cell, struct ask_name *name)
{
    Cell__Nucleus__ResolveRequest request = CELL__NUCLEUS__RESOLVE_REQUEST__INIT;
    struct resolving *resolving = malloc(sizeof *resolving);

    if (resolving == NULL) {
        return ERR_NOMEM;
    }
    *resolving = (struct resolving){.cell = cell, .name = name};
    request.target = is_elsewhere(name) ? (char *)NAME_GATEWAY : name->ref;
    struct cell_ask ask = {
        .target = "nucleus",
        .operation = CELL__NUCLEUS__OP__OP_RESOLVE,
        .request = &request.base,
        .reply = &cell__nucleus__resolve_reply__descriptor,
        .deadline_ms = ASK_FRESH_MS,
        .done = on_resolved,
        .context = resolving,
        .is_idempotent = CELL__NUCLEUS__RESOLVE__IS_IDEMPOTENT,
    };
    enum err e = cell_ask(cell, &ask);
    if (e != ERR_OK) {
        free(resolving);
        return e;
    }
    name->is_resolving = true;
    return ERR_OK;
}

/* ---- names ------------------------------------------------------------------------------------- */

/* The name's slot; a new name takes a free one or that of the name used longest ago for which
 * nobody waits. ERR_LIMIT: there is none. */
static enum err name_get(struct cell *cell, const char *target, struct ask_name **ret)
{
    struct asks *asks = cell->asks;
    size_t place = ASK_NAMES_MAX;

    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        struct ask_name *name = asks->names[i];
        if (name == NULL) {
            place = i;
            break; /* slots fill from the left and are only reused */
        }
        if (strcmp(name->ref, target) == 0) {
            *ret = name;
            return ERR_OK;
        }
        if (!name->is_resolving && name->uses == 0 &&
            (place == ASK_NAMES_MAX || name->used_ms < asks->names[place]->used_ms)) {
            place = i;
        }
    }
    if (place == ASK_NAMES_MAX) {
        return ERR_LIMIT;
    }
    struct ask_name *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return ERR_NOMEM;
    }
    (void)snprintf(fresh->ref, sizeof fresh->ref, "%s", target);
    client_init(&fresh->target, rng_next(&asks->rng));
    ask_name_free(asks->names[place]);
    asks->names[place] = *ret = fresh;
    return ERR_OK;
}

void ask_name_free(struct ask_name *name)
{
    if (name != NULL) {
        assert(name->uses == 0);
        unlist(name);
        free(name);
    }
}

void ask_name_left(struct ask_request *r)
{
    if (r->name != NULL) {
        r->name->uses--;
    } else {
        r->own->uses--;
    }
}

void ask_name_park(struct cell *cell, struct ask_request *r)
{
    assert(r->name != NULL); /* an instance always has its endpoint */
    if (r->list == NULL) {
        ask_list_add(&r->name->waiting, r);
    }
    if (!r->name->is_resolving && resolve(cell, r->name) != ERR_OK) {
        /* Too many requests just now: whoever comes next asks, or its deadline ends it. */
        log_debug("ASK-RESOLVE", "name=%s action=later", r->name->ref);
    }
}

/* An instance that was lost makes the list old. */
static bool is_stale(const struct ask_name *name, uint64_t now_ms)
{
    bool is_lost = false;

    for (size_t i = 0; i < name->count; i++) {
        const struct ask_endpoint *e = name->listed[i];
        is_lost = is_lost || (e->core.line == BALANCE_LINE_DOWN && e->core.outstanding > 0);
    }
    return is_lost || now_ms >= name->fresh_until_ms;
}

/* To any instance of a name: the known ones, the supervisor asked when the list is old or empty. */
static enum err route_by_name(struct cell *cell, const char *target, struct ask_request *r)
{
    enum err e = name_get(cell, target, &r->name);

    if (e != ERR_OK) {
        return e;
    }
    struct ask_name *name = r->name;
    uint64_t now_ms = cell->asks->now_ms;
    name->used_ms = now_ms;
    name->uses++;
    r->target = &name->target;
    ask_step_kind(cell, r, CLIENT_EV_ASKED);
    if (name->count > 0 && !name->is_resolving && is_stale(name, now_ms)) {
        (void)resolve(cell, name); /* too many requests just now: the next one tries again */
    }
    return ERR_OK;
}

enum err ask_name_route(struct cell *cell, const char *target, struct ask_request *r)
{
    char path[HOST_PATH_SIZE];
    struct name_ref ref = {.instance = -1};
    enum err e;

    if (strcmp(target, "nucleus") == 0) {
        e = ask_name_path(cell, "nucleus.sock", path);
    } else {
        char text[NAME_REF_SIZE];
        if (name_ref_parse(target, &ref) != ERR_OK) {
            return ERR_INVALID;
        }
        if (strcmp(ref.node, cell->birth.node) == 0) {
            ref.node[0] = '\0'; /* our own */
        }
        if (ref.instance < 0 || ref.node[0] != '\0') {
            name_ref_format(&ref, text);
            return route_by_name(cell, text, r);
        }
        e = instance_path(cell, &ref, path);
    }
    if (e == ERR_OK) {
        e = ask_endpoint_get(cell, path, "", &r->own);
    }
    if (e == ERR_OK) {
        r->own->uses++;
        r->target = &r->own->own;
        ask_step_kind(cell, r, CLIENT_EV_ASKED);
    }
    return e;
}
