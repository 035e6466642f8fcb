/* From names to endpoints. A name without instance number stands for whoever is found (ask_search.c); its
 * list is believed for a second. A name with one is that instance, there or nowhere. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/run/ask_search.h"
#include "common/run/cell_ask.h"

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
        ask_endpoint_get(cell, path, "", r->is_urgent, &e) != ERR_OK) {
        return NULL;
    }
    return e;
}

/* ---- names ------------------------------------------------------------------------------------- */

/* A plain name means the cell of the caller's namespace, on other nodes too. */
static void make_route(const struct cell *cell, struct ask_name *name)
{
    struct name_ref ref;

    if (name_ref_parse(name->ref, &ref) != ERR_OK) {
        return; /* it came from one: cannot happen */
    }
    name->is_plain = ref.node[0] == '\0';
    if (name->is_plain) {
        (void)snprintf(ref.node, sizeof ref.node, NAME_ANY);
        if (ref.space[0] == '\0' && strcmp(cell->birth.space, "default") != 0) {
            (void)snprintf(ref.space, sizeof ref.space, "%s", cell->birth.space);
        }
    }
    name_ref_format(&ref, name->route);
}

/* The name's slot; a new name takes a free one or that of the name used longest ago for which
 * nobody waits. ERR_LIMIT: there is none. */
static enum err name_get(struct cell *cell, const char *target, bool is_urgent, struct ask_name **ret)
{
    struct asks *asks = cell->asks;
    size_t place = ASK_NAMES_MAX;

    for (size_t i = 0; i < ASK_NAMES_MAX; i++) {
        struct ask_name *name = asks->names[i];
        if (name == NULL) {
            place = i;
            break; /* slots fill from the left and are only reused */
        }
        if (name->is_urgent == is_urgent && strcmp(name->ref, target) == 0) {
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
    fresh->is_urgent = is_urgent;
    make_route(cell, fresh);
    client_init(&fresh->target, rng_next(&asks->rng));
    ask_name_free(asks->names[place]);
    asks->names[place] = *ret = fresh;
    return ERR_OK;
}

void ask_name_free(struct ask_name *name)
{
    if (name != NULL) {
        assert(name->uses == 0);
        ask_search_unlist(name);
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
    if (!r->name->is_resolving && ask_search_begin(cell, r->name) != ERR_OK) {
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
    enum err e = name_get(cell, target, r->is_urgent, &r->name);

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
        (void)ask_search_begin(cell, name); /* too many requests just now: the next one tries again */
    }
    return ERR_OK;
}

static void heard(struct ask_endpoint *e)
{
    breaker_heard(&e->core.breaker);
    for (enum ask_way way = ASK_IPC; way < ASK_WAYS; way++) {
        const struct ask_line *line = &e->line[way];
        if (line->wire != NULL && line->transport->hurry != NULL) {
            line->transport->hurry(line->wire);
        }
    }
}

void cell_ask_heard(struct cell *cell, const char *target)
{
    struct asks *asks = cell->asks;
    char path[HOST_PATH_SIZE];
    struct name_ref ref;

    if (name_ref_parse(target, &ref) != ERR_OK) {
        return;
    }
    bool is_here = ref.node[0] == '\0' && ref.instance >= 0 && instance_path(cell, &ref, path) == ERR_OK;
    for (size_t i = 0; is_here && i < ASK_ENDPOINTS_MAX && asks->endpoints[i] != NULL; i++) {
        struct ask_endpoint *e = asks->endpoints[i];
        if (strcmp(e->path, path) == 0 && e->route[0] == '\0') {
            heard(e);
        }
    }
    for (size_t i = 0; ref.node[0] != '\0' && i < ASK_NAMES_MAX && asks->names[i] != NULL; i++) {
        const struct ask_name *name = asks->names[i];
        for (size_t k = 0; strcmp(name->ref, target) == 0 && k < name->count; k++) {
            heard(name->listed[k]);
        }
    }
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
        e = ask_endpoint_get(cell, path, "", r->is_urgent, &r->own);
    }
    if (e == ERR_OK) {
        r->own->uses++;
        r->target = &r->own->own;
        ask_step_kind(cell, r, CLIENT_EV_ASKED);
    }
    return e;
}
