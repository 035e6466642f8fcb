/* The whole of a manifest is one graph: names are its vertices, requirements its edges. What is
 * asked of it here (does it hold together, in which order does it start, what changed) is decided
 * with plain arrays of indices, as a node has at most MANIFEST_CELLS_MAX cells and a manifest is
 * looked at when a person applies one, not while requests are served. */
#include "nucleus/manifest.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"

/* Who requires whom, as indices. On the stack of the two functions that need it, so that neither
 * can fail for want of memory. */
struct graph {
    uint32_t count;
    uint16_t by_name[MANIFEST_CELLS_MAX];   /* sorted by namespace and name              */
    uint32_t first[MANIFEST_CELLS_MAX + 1]; /* edge[first[i]..first[i + 1]) are of cell i */
    uint16_t edge[MANIFEST_CELLS_MAX * MANIFEST_LIST_MAX];
};

/* The order in the making. cursor[i] is the first requirement of cell i that is not placed; as a
 * placed cell stays placed it only moves forward, and a walk over cursors finds a cycle. */
struct placing {
    uint32_t order[MANIFEST_CELLS_MAX];
    uint32_t count;
    uint32_t cursor[MANIFEST_CELLS_MAX];
    bool is_placed[MANIFEST_CELLS_MAX];
};

void manifest_cell_init(struct manifest_cell *c)
{
    *c = (struct manifest_cell){
        .space = MANIFEST_SPACE_DEFAULT,
        .instances = MANIFEST_INSTANCES_DEFAULT,
        .limits = {.files = MANIFEST_FILES_DEFAULT,
                   .message_bytes = MANIFEST_MESSAGE_DEFAULT,
                   .calls_waiting = MANIFEST_CALLS_WAITING_DEFAULT,
                   .log_bytes = MANIFEST_LOG_DEFAULT,
                   .log_files = MANIFEST_LOG_FILES_DEFAULT},
        .heartbeat = {.every_ms = MANIFEST_EVERY_MS_DEFAULT,
                      .dead_after = MANIFEST_DEAD_AFTER_DEFAULT},
        .restart = {.first_ms = MANIFEST_FIRST_MS_DEFAULT,
                    .max_ms = MANIFEST_BACKOFF_MS_DEFAULT,
                    .give_up_count = MANIFEST_GIVE_UP_DEFAULT,
                    .give_up_ms = MANIFEST_GIVE_UP_MS_DEFAULT,
                    .stable_ms = MANIFEST_STABLE_MS_DEFAULT,
                    .strategy = MANIFEST_ONE_FOR_ONE},
        .deadlines = {.ready_ms = MANIFEST_READY_MS_DEFAULT,
                      .drain_ms = MANIFEST_DRAIN_MS_DEFAULT,
                      .term_ms = MANIFEST_TERM_MS_DEFAULT},
    };
}

/* Every pointer of an entry is its own: entries share nothing. */
static void cell_fini(struct manifest_cell *c)
{
    assert(c->requires_count == 0 || c->requires != NULL);
    free(c->requires);
    free(c->serves);
    free(c->may_call);
    free(c->sandbox.read);
    free(c->sandbox.write);
    free(c->sandbox.listen);
    free(c->sandbox.tun);
    free(c->exec);
    free(c->labels);
    free(c->config);
}

void manifest_fini(struct manifest *m)
{
    assert(m->cells != NULL || m->cell_count == 0);
    for (size_t i = 0; i < m->cell_count; i++) {
        cell_fini(&m->cells[i]);
    }
    free(m->cells);
    *m = (struct manifest){0};
}

int manifest_find(const struct manifest *m, const char *space, const char *cell)
{
    assert(space != NULL && cell != NULL);
    for (size_t i = 0; i < m->cell_count; i++) {
        if (strcmp(m->cells[i].name, cell) == 0 && strcmp(m->cells[i].space, space) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int manifest_resolve(const struct manifest *m, const char *space, const struct name_ref *ref)
{
    assert(ref->cell[0] != '\0');
    if (ref->node[0] != '\0' && strcmp(ref->node, m->node) != 0) {
        return -1;
    }
    if (ref->space[0] != '\0') {
        return manifest_find(m, ref->space, ref->cell);
    }
    int own = manifest_find(m, space, ref->cell);
    return own >= 0 ? own : manifest_find(m, MANIFEST_SPACE_SHARED, ref->cell);
}

int manifest_resolve_next(const struct manifest *m, const char *space, const struct name_ref *ref)
{
    int first = manifest_resolve(m, space, ref);
    int next = ref->space[0] != '\0' ? -1 : manifest_find(m, MANIFEST_SPACE_SHARED, ref->cell);

    return first < 0 || next == first ? -1 : next;
}

bool manifest_may_call(const struct manifest_cell *caller, const char *cell)
{
    for (size_t i = 0; i < caller->may_call_count; i++) {
        const struct name_op *op = &caller->may_call[i];
        if (op->node[0] == '\0' && strcmp(op->cell, cell) == 0) {
            return true;
        }
    }
    return false;
}

bool manifest_may_leave(const struct manifest_cell *caller, const char *cell)
{
    for (size_t i = 0; i < caller->may_call_count; i++) {
        if (name_op_reaches(&caller->may_call[i], cell, NAME_ANY)) {
            return true;
        }
    }
    return false;
}

/* ---- the graph ---- */

/* Where in by_name the cell stands, or would have to: a binary search, because checking 1024 cells
 * with 64 requirements each by manifest_find would compare 67 million names. */
static uint32_t search(const struct manifest *m, const struct graph *g, const char *space,
                       const char *cell, bool *ret_found)
{
    uint32_t low = 0, high = g->count;

    assert(g->count <= m->cell_count);
    *ret_found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct manifest_cell *c = &m->cells[g->by_name[middle]];
        int order = strcmp(c->space, space);
        order = order != 0 ? order : strcmp(c->name, cell);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    assert(low == high && low <= g->count);
    return low;
}

/* manifest_resolve in O(log cells); the two agree by test. */
static int resolve(const struct manifest *m, const struct graph *g, const char *space,
                   const struct name_ref *ref)
{
    bool is_found;
    uint32_t at;

    if (ref->node[0] != '\0' && strcmp(ref->node, m->node) != 0) {
        return -1;
    }
    at = search(m, g, ref->space[0] != '\0' ? ref->space : space, ref->cell, &is_found);
    if (!is_found && ref->space[0] == '\0') {
        at = search(m, g, MANIFEST_SPACE_SHARED, ref->cell, &is_found);
    }
    assert(!is_found || at < g->count);
    return is_found ? g->by_name[at] : -1;
}

/* "line 12: cells[2].": the reader of the file knows the entry by its line and the path. */
static void begin_fault(struct bytes_text *t, const struct manifest *m, size_t cell, char *why)
{
    assert(cell < m->cell_count);
    bytes_text_init(t, why, MANIFEST_WHY_SIZE);
    bytes_text_add(t, "line %" PRIu32 ": cells[%zu].", m->cells[cell].line, cell);
}

/* A cell as a person writes it: the usual namespace goes without saying. */
static void add_cell(struct bytes_text *t, const struct manifest_cell *c)
{
    if (strcmp(c->space, MANIFEST_SPACE_DEFAULT) != 0) {
        bytes_text_add(t, "%s/", c->space);
    }
    bytes_text_add(t, "%s", c->name);
}

/* Insert name by name where it belongs: at most half a million moves of two bytes in all, and a
 * name that is there already shows at once. */
static enum err index_names(const struct manifest *m, struct graph *g, char *why)
{
    assert(m->cell_count <= MANIFEST_CELLS_MAX);
    g->count = 0;
    for (uint16_t i = 0; i < m->cell_count; i++) {
        bool is_found;
        uint32_t at = search(m, g, m->cells[i].space, m->cells[i].name, &is_found);
        if (is_found) {
            struct bytes_text t;
            uint16_t other = g->by_name[at];
            begin_fault(&t, m, i, why);
            bytes_text_add(&t,
                           "name: \"%s\" is the name of cells[%u] (line %" PRIu32
                           ") too, expected one entry of a name in namespace \"%s\"",
                           m->cells[i].name, other, m->cells[other].line, m->cells[i].space);
            return ERR_INVALID;
        }
        memmove(&g->by_name[at + 1], &g->by_name[at], (g->count - at) * sizeof g->by_name[0]);
        g->by_name[at] = i;
        g->count++;
    }
    assert(g->count == m->cell_count);
    return ERR_OK;
}

/* target: what the requirement means, -1: nothing. */
static enum err refuse_requirement(const struct manifest *m, size_t cell, size_t at, int target,
                                   char *why)
{
    char name[NAME_REF_SIZE];
    struct bytes_text t;

    assert(target < 0 || (size_t)target == cell || m->cells[target].on_demand);
    assert(at < m->cells[cell].requires_count);
    name_ref_format(&m->cells[cell].requires[at], name);
    begin_fault(&t, m, cell, why);
    if (target < 0) {
        bytes_text_add(&t,
                       "requires[%zu]: \"%s\" is not a cell of this manifest, expected one in "
                       "namespace \"%s\" or \"%s\", or another namespace before a slash",
                       at, name, m->cells[cell].space, MANIFEST_SPACE_SHARED);
    } else if ((size_t)target == cell) {
        bytes_text_add(&t, "requires[%zu]: \"%s\" is the cell itself, expected another one", at,
                       name);
    } else {
        bytes_text_add(&t,
                       "requires[%zu]: \"%s\" starts on demand, expected a cell that is started: what "
                       "requires it would wait for ever",
                       at, name);
    }
    return ERR_INVALID;
}

/* Turn every requirement into the index of its cell. A cell that requires itself is refused here,
 * so that a cycle has at least two members and is worth naming. */
static enum err link_requirements(const struct manifest *m, struct graph *g, char *why)
{
    uint32_t used = 0;

    for (uint32_t i = 0; i < g->count; i++) {
        const struct manifest_cell *c = &m->cells[i];
        assert(c->requires_count <= MANIFEST_LIST_MAX);
        g->first[i] = used;
        for (size_t k = 0; k < c->requires_count; k++) {
            int target = resolve(m, g, c->space, &c->requires[k]);
            if (target < 0 || (uint32_t)target == i || m->cells[target].on_demand) {
                return refuse_requirement(m, i, k, target, why);
            }
            g->edge[used++] = (uint16_t)target;
        }
    }
    g->first[g->count] = used;
    assert(used <= ARRAY_LEN(g->edge));
    return ERR_OK;
}

/* Whether all that cell i requires is placed. Over a whole placing the cursors move once over every
 * edge, however often this is asked. */
static bool is_free(const struct graph *g, struct placing *p, uint32_t i)
{
    assert(p->cursor[i] >= g->first[i] && p->cursor[i] <= g->first[i + 1]);
    while (p->cursor[i] < g->first[i + 1] && p->is_placed[g->edge[p->cursor[i]]]) {
        p->cursor[i]++;
    }
    return p->cursor[i] == g->first[i + 1];
}

/* Place as many cells as possible, always the first that may come next (Kahn, "Topological sorting
 * of large networks", 1962, with the choice among free vertices made definite). Cells that are left
 * over lie on a cycle or wait for one. */
static void place(const struct graph *g, struct placing *p)
{
    uint32_t i = 0;

    memset(p->is_placed, 0, sizeof p->is_placed);
    memcpy(p->cursor, g->first, g->count * sizeof g->first[0]);
    p->count = 0;
    while (i < g->count) {
        if (p->is_placed[i] || !is_free(g, p, i)) {
            i++;
            continue;
        }
        assert(p->count < g->count);
        p->is_placed[i] = true;
        p->order[p->count++] = i;
        i = 0; /* an earlier entry may have waited for just this one */
    }
    assert(p->count <= g->count);
}

/* After `place` left cells over: each of them waits for another of them, so a walk from one to the
 * next must come round. Fill cycle[0..return) with the way round, beginning with its first entry of
 * the manifest. */
static uint32_t find_cycle(const struct graph *g, const struct placing *p, uint16_t *cycle)
{
    uint32_t seen[MANIFEST_CELLS_MAX] = {0}; /* step at which a cell was met, from 1 */
    uint16_t walk[MANIFEST_CELLS_MAX];
    uint32_t steps = 0, at = 0, lowest;

    while (p->is_placed[at]) {
        at++;
    }
    while (seen[at] == 0) {
        assert(!p->is_placed[at] && p->cursor[at] < g->first[at + 1]);
        walk[steps++] = (uint16_t)at;
        seen[at] = steps;
        at = g->edge[p->cursor[at]];
    }
    /* What was walked before `begin` only leads to the cycle. */
    uint32_t begin = seen[at] - 1, len = steps - begin;
    assert(begin < steps && len <= g->count);
    lowest = begin;
    for (uint32_t i = begin; i < steps; i++) {
        lowest = walk[i] < walk[lowest] ? i : lowest;
    }
    assert(walk[begin] == at);
    for (uint32_t i = 0; i < len; i++) {
        cycle[i] = walk[begin + (lowest - begin + i) % len];
    }
    return len;
}

/* "a -> b -> c -> a". What no line can hold loses its middle, never its ends. */
static enum err refuse_cycle(const struct manifest *m, const struct graph *g,
                             const struct placing *p, char *why)
{
    enum {
        TAIL = 2 * NAME_SIZE + 160
    }; /* the longest rest: a count, the first again, the advice */
    uint16_t cycle[MANIFEST_CELLS_MAX];
    uint32_t len = find_cycle(g, p, cycle), i;
    struct bytes_text t;

    assert(len >= 2);
    begin_fault(&t, m, cycle[0], why);
    bytes_text_add(&t, "requires: a cycle: ");
    for (i = 0; i < len && t.len + 2 * NAME_SIZE + TAIL < t.size; i++) {
        add_cell(&t, &m->cells[cycle[i]]);
        bytes_text_add(&t, " -> ");
    }
    if (i < len) {
        bytes_text_add(&t, "... (%" PRIu32 " more) -> ", len - i);
    }
    add_cell(&t, &m->cells[cycle[0]]);
    bytes_text_add(&t, ", expected an order in which each cell can start after what it requires");
    assert(!t.cut);
    return ERR_INVALID;
}

enum err manifest_check(const struct manifest *m, char why[MANIFEST_WHY_SIZE])
{
    struct graph g;
    struct placing p;

    if (m->cell_count > MANIFEST_CELLS_MAX) {
        struct bytes_text t;
        bytes_text_init(&t, why, MANIFEST_WHY_SIZE);
        bytes_text_add(&t, "line %" PRIu32 ": cells[%d]: %zu entries, expected at most %d",
                       m->cells[MANIFEST_CELLS_MAX].line, MANIFEST_CELLS_MAX, m->cell_count,
                       MANIFEST_CELLS_MAX);
        return ERR_LIMIT;
    }
    /* Names before requirements: which cell is meant is only clear when each name is there once. */
    enum err e = index_names(m, &g, why);
    if (e == ERR_OK) {
        e = link_requirements(m, &g, why);
    }
    if (e != ERR_OK) {
        return e;
    }
    place(&g, &p);
    return p.count == g.count ? ERR_OK : refuse_cycle(m, &g, &p, why);
}

void manifest_order(const struct manifest *m, uint32_t *order)
{
    char why[MANIFEST_WHY_SIZE];
    struct graph g;
    struct placing p;

    assert(m->cell_count <= MANIFEST_CELLS_MAX);
    enum err e = index_names(m, &g, why);
    if (e == ERR_OK) {
        e = link_requirements(m, &g, why);
    }
    /* It has passed manifest_check, and nobody changes a manifest after that. */
    assert(e == ERR_OK);
    place(&g, &p);
    assert(p.count == g.count);
    memcpy(order, p.order, p.count * sizeof order[0]);
}

/* ---- the difference ---- */

/* One more change, remembered while there is room. */
static size_t note(struct manifest_change *ret, size_t max, size_t count,
                   enum manifest_change_kind kind, int before, int after)
{
    assert(before >= 0 || after >= 0);
    assert((before < 0) == (kind == MANIFEST_ADD) && (after < 0) == (kind == MANIFEST_REMOVE));
    assert(ret != NULL || max == 0);
    if (count < max) {
        ret[count] = (struct manifest_change){.kind = kind, .before = before, .after = after};
    }
    return count + 1;
}

size_t manifest_diff(const struct manifest *now, const struct manifest *next,
                     struct manifest_change *ret, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < next->cell_count; i++) {
        const struct manifest_cell *c = &next->cells[i];
        int before = manifest_find(now, c->space, c->name);
        if (before < 0) {
            count = note(ret, max, count, MANIFEST_ADD, -1, (int)i);
        } else if (now->cells[before].hash != c->hash) {
            /* The instances may differ too: they are all replaced, in the new number. */
            count = note(ret, max, count, MANIFEST_CHANGE, before, (int)i);
        } else if (now->cells[before].instances != c->instances) {
            count = note(ret, max, count, MANIFEST_SCALE, before, (int)i);
        }
    }
    for (size_t i = 0; i < now->cell_count; i++) {
        if (manifest_find(next, now->cells[i].space, now->cells[i].name) < 0) {
            count = note(ret, max, count, MANIFEST_REMOVE, (int)i, -1);
        }
    }
    assert(count <= now->cell_count + next->cell_count);
    return count;
}
