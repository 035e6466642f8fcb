/* Whom to ask next. Source: Kademlia, section 2.3; S/Kademlia, section 4.3 (disjoint paths). */
#include <assert.h>

#include "dht/table.h"
#include "dht/wish.h"

/* ---- candidates ------------------------------------------------------------------------------------ */

static bool is_candidate(const struct dht_wish *w, const struct dht_node *node)
{
    for (uint32_t i = 0; i < w->count; i++) {
        if (dht_id_same_node(&w->candidate[i].who.node, node)) {
            return true;
        }
    }
    return false;
}

static void remove_at(struct dht_wish *w, uint32_t at)
{
    w->count--;
    memmove(&w->candidate[at], &w->candidate[at + 1], (w->count - at) * sizeof *w->candidate);
}

/* Make room on a path, which has its share of the candidates: the farthest that was not asked gives way, if it is
 * farther than `id`. So nobody who names many drives out what other paths found; and nobody has named more than a few of them
 * who have not answered, or who names many that are nowhere would drive out all others on its own. */
static bool has_room(struct dht_wish *w, const struct dht_id *id, uint32_t path, uint16_t namer)
{
    uint32_t used = 0, named = 0, farthest = DHT_CANDIDATES;
    uint32_t share = (DHT_CANDIDATES - (w->is_again ? DHT_AGAIN_KEPT : 0)) / w->paths;

    for (uint32_t i = 0; i < w->count; i++) {
        const struct dht_candidate *c = &w->candidate[i];
        used += c->path == path;
        named += c->namer == namer && c->ask != DHT_ASK_ANSWERED;
        if (c->path == path && (c->ask == DHT_ASK_NEW || c->ask == DHT_ASK_FAILED)) {
            farthest = i;
        }
    }
    if (namer != DHT_NOTHING && named >= share / DHT_NAMED_SHARE) {
        return false;
    }
    if (used < share) {
        return true;
    }
    if (farthest == DHT_CANDIDATES || !dht_id_is_nearer(&w->target, id, &w->candidate[farthest].id)) {
        return false;
    }
    remove_at(w, farthest);
    return true;
}

void dht_search_add(struct dht *d, struct dht_wish *w, const struct dht_contact *who, uint32_t path, uint32_t hop, uint16_t namer)
{
    if (!is_candidate(w, &who->node)) { /* before its id is computed, for most are known */
        struct dht_id id = dht_core_id(&who->node);
        dht_search_add_known(d, w, who, &id, path, hop, namer);
    }
}

void dht_search_add_known(struct dht *d, struct dht_wish *w, const struct dht_contact *who, const struct dht_id *known,
                          uint32_t path, uint32_t hop, uint16_t namer)
{
    const struct dht_id id = *known;
    uint32_t at = 0;

    if (dht_id_equal(&id, &d->id)) {
        dht_twin_named(d, &who->at);
        return;
    }
    if (!has_room(w, &id, path, namer)) {
        return;
    }
    assert(w->count < DHT_CANDIDATES && path < w->paths);
    while (at < w->count && dht_id_is_nearer(&w->target, &w->candidate[at].id, &id)) {
        at++;
    }
    memmove(&w->candidate[at + 1], &w->candidate[at], (w->count - at) * sizeof *w->candidate);
    w->candidate[at] = (struct dht_candidate){.id = id, .who = *who, .serial = w->serial++, .namer = namer, .path = (uint8_t)path,
                                              .hop = (uint8_t)(hop < UINT8_MAX ? hop : UINT8_MAX)};
    w->count++;
}

/* ---- step by step ---------------------------------------------------------------------------------- */

static enum dht_packet_kind question(const struct dht_wish *w)
{
    return w->kind == DHT_WISH_GET ? DHT_PACKET_GET : DHT_PACKET_FIND;
}

/* path: w->paths: all of them. */
static bool is_on(const struct dht_wish *w, const struct dht_candidate *c, uint32_t path)
{
    return path == w->paths || c->path == path;
}

static uint32_t count(const struct dht_wish *w, uint32_t path, enum dht_ask state)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        count += w->candidate[i].ask == state && is_on(w, &w->candidate[i], path);
    }
    return count;
}

static uint32_t out(const struct dht_wish *w, uint32_t path)
{
    return count(w, path, DHT_ASK_OUT);
}

/* So many of a path must have answered, the nearest of it: all paths together find the holders of a record, or DHT_K
 * nodes. Who looks through a bucket of its own accord asks fewer: upkeep.c. */
static uint32_t needed(const struct dht_wish *w, uint32_t path)
{
    return w->paths == 1 || path == w->paths ? w->need : w->need / w->paths + 1u;
}

/* Who was silent the last time is asked, and not waited for. */
static void ask(struct dht *d, struct dht_wish *w, struct dht_candidate *c)
{
    if (dht_call_ask(d, w, c, question(w))) {
        c->ask = dht_table_is_doubted(d, &c->id) ? DHT_ASK_SLOW : DHT_ASK_OUT;
    }
}

/* Any holder will do for a value: of those that are nearest as far as is known, the ones that can answer at once are asked
 * first. */
static void ask_acquainted(struct dht *d, struct dht_wish *w, uint32_t path, uint32_t share, uint32_t need)
{
    uint32_t seen = 0;

    for (uint32_t i = 0; i < w->count && seen < need && out(w, path) < share; i++) {
        struct dht_candidate *c = &w->candidate[i];
        seen += is_on(w, c, path) && c->ask != DHT_ASK_FAILED && c->ask != DHT_ASK_SLOW;
        if (is_on(w, c, path) && c->ask == DHT_ASK_NEW && !dht_table_is_stranger(d, &c->id)) {
            ask(d, w, c);
        }
    }
}

/* Whether a path has its answers, of which so many are asked for at one time. Who is late is passed over; it may still
 * answer. */
static bool walk(struct dht *d, struct dht_wish *w, uint32_t path, uint32_t share)
{
    uint32_t seen = 0, need = needed(w, path);
    bool is_over = true;

    if (w->kind == DHT_WISH_GET && d->tuning.acquaints) {
        ask_acquainted(d, w, path, share, need);
    }

    for (uint32_t i = 0; i < w->count && seen < need; i++) {
        struct dht_candidate *c = &w->candidate[i];
        if (is_on(w, c, path) && c->ask == DHT_ASK_NEW && out(w, path) < share) {
            ask(d, w, c);
        }
        if (!is_on(w, c, path) || c->ask == DHT_ASK_FAILED || c->ask == DHT_ASK_SLOW) {
            continue;
        }
        seen++;
        is_over = is_over && c->ask == DHT_ASK_ANSWERED;
    }
    return is_over;
}

/* The paths go each its way; who first came near the target has most of the holders on its own, of which it asked a few.
 * Where that was not enough the rest of them are asked, all at once as at the end of any lookup (Kademlia, section 2.3):
 * only a majority of the holders can say that there is no such record. */
bool dht_search_near(struct dht *d, struct dht_wish *w)
{
    uint32_t least = w->kind == DHT_WISH_PUT && w->paths > 1 ? DHT_PUT_SHARE : 1;
    uint32_t share = d->tuning.alpha / w->paths > least ? d->tuning.alpha / w->paths : least;
    bool is_over = true;

    for (uint32_t path = 0; path < w->paths; path++) { /* who waited for one silent node on it does not for the next */
        is_over = walk(d, w, path, share + (count(w, path, DHT_ASK_SLOW) > 0)) && is_over;
    }
    w->is_come = is_over;
    return is_over && (w->paths == 1 || walk(d, w, w->paths, d->tuning.replicas));
}

/* Of those that are nearest, whether they have answered or not. */
static uint32_t count_answered(const struct dht *d, const struct dht_wish *w)
{
    uint32_t seen = 0, answered = 0;

    for (uint32_t i = 0; i < w->count && seen < d->tuning.replicas; i++) {
        seen += w->candidate[i].ask != DHT_ASK_FAILED;
        answered += w->candidate[i].ask == DHT_ASK_ANSWERED;
    }
    return answered;
}

bool dht_search_is_enough(const struct dht *d, const struct dht_wish *w)
{
    return w->is_come && count(w, w->paths, DHT_ASK_ANSWERED) >= d->tuning.replicas && count_answered(d, w) >= d->tuning.quorum &&
           !dht_search_is_thin(d, w);
}

/* ---- once more -------------------------------------------------------------------------------------- */

static bool was_asked(const struct dht_wish *w, const struct dht_node *node)
{
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->candidate[i].ask != DHT_ASK_NEW && dht_id_same_node(&w->candidate[i].who.node, node)) {
            return true;
        }
    }
    return false;
}

/* Of the first time only what answered, or still may, stays, the nearest of it, on no path: it counts for who the nearest are. */
static void leave_paths(struct dht *d, struct dht_wish *w)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        bool is_asked = w->candidate[i].ask == DHT_ASK_SLOW || w->candidate[i].ask == DHT_ASK_OUT;
        if ((w->candidate[i].ask == DHT_ASK_ANSWERED || is_asked) && kept < DHT_AGAIN_KEPT) {
            w->candidate[kept] = w->candidate[i];
            w->candidate[kept++].path = DHT_PATHS_MAX;
        } else if (is_asked) {
            dht_call_drop(d, w, &w->candidate[i]); /* nobody waits for it any more */
        }
    }
    w->count = kept;
}

/* Those that ways begin with the second time, each on its path. */
struct others {
    uint32_t count, first, paths; /* of them; the paths that are given out next */
    uint16_t peer[DHT_K];
    uint8_t path[DHT_K];
};

/* Half of them, the nearest to a place that were not asked. */
static void add_others(const struct dht *d, const struct dht_wish *w, const struct dht_id *place, struct others *o)
{
    uint16_t near[2 * DHT_K];
    uint32_t most = dht_table_nearest(d, place, near, ARRAY_LEN(near)), taken = 0;

    for (uint32_t i = 0; i < most && taken < DHT_K / 2; i++) {
        bool is_taken = was_asked(w, &d->peer[near[i]].node);
        for (uint32_t k = 0; k < o->count; k++) {
            is_taken |= o->peer[k] == near[i];
        }
        if (!is_taken) {
            o->peer[o->count] = near[i];
            o->path[o->count++] = (uint8_t)(o->first + taken++ % o->paths);
        }
    }
}

/* Half of the ways begin with those nearest to the target that were not asked, half with this node's own neighbours: whoever lives
 * long keeps its place, so hostile nodes may have all places of a bucket, where no way into it leads out of them again. On each
 * path one hostile node is enough to go astray, so with many steps all do now and then; who was led astray is told that
 * there is nothing, or that it was kept. */
bool dht_search_again(struct dht *d, struct dht_wish *w)
{
    struct others o = {.paths = w->paths / 2};

    assert(!w->is_storing); /* holders stay candidates */
    if (w->is_again || w->paths == 1) {
        return false;
    }
    w->is_again = true;
    add_others(d, w, &w->target, &o);
    o.first = o.paths, o.paths = w->paths - o.paths;
    add_others(d, w, &d->id, &o);
    if (o.count == 0) {
        return false;
    }
    leave_paths(d, w);
    for (uint32_t i = 0; i < o.count; i++) {
        const struct dht_peer *p = &d->peer[o.peer[i]];
        const struct dht_contact who = {.node = p->node, .at = p->at};
        dht_search_add_known(d, w, &who, &p->id, o.path[i], 1, DHT_NOTHING);
    }
    return true;
}

/* How far apart, of all ids there are as of one. */
static double apart(const struct dht_id *a, const struct dht_id *b)
{
    double far = 0;

    for (uint32_t i = DHT_ID_SIZE; i > 0; i--) {
        far = (far + (a->byte[i - 1] ^ b->byte[i - 1])) / 256;
    }
    return far;
}

/* Ids follow from keys, so there are as many in any place as in this node's own, which it knows well. Hostile nodes that
 * name each other alone are but some of those that are there. Nobody can hide where the own table has room and so has all. */
bool dht_search_is_thin(const struct dht *d, const struct dht_wish *w)
{
    uint16_t near[DHT_K];
    uint32_t most = dht_table_nearest(d, &d->id, near, DHT_K), seen = 0;

    for (uint32_t i = 0; i < w->count && most == DHT_K && dht_table_is_full(d, &w->target); i++) {
        seen += w->candidate[i].ask == DHT_ASK_ANSWERED;
        if (w->candidate[i].ask == DHT_ASK_ANSWERED && seen == d->tuning.replicas) {
            double own = apart(&d->id, &d->peer[near[DHT_K - 1]].id) * d->tuning.replicas / DHT_K;
            return apart(&w->target, &w->candidate[i].id) > DHT_THIN * own;
        }
    }
    return false;
}

/* ---- at once --------------------------------------------------------------------------------------- */

/* How long an answer is likely to take; those that membership or we ourselves doubt come last. */
static uint64_t expected_us(const struct dht *d, const struct dht_candidate *c)
{
    const struct dht_peer *p = dht_table_find(d, &c->id);
    uint64_t us = p == NULL || p->srtt_us == 0 ? (d->typical_us != 0 ? d->typical_us : UINT32_MAX) : p->srtt_us;
    us += dht_table_is_stranger(d, &c->id) ? 2 * us + DHT_ACQUAINT_US : 0;

    return p == NULL || dht_table_is_doubted(d, &c->id) ? us + (UINT64_C(1) << 40) : us;
}

/* All holders are known. The nearest in time is asked, and the next when it is late; once one has no such record, or
 * failed, several at one time. For each that failed one more of those after the holders may have it. */
bool dht_search_holders(struct dht *d, struct dht_wish *w)
{
    uint32_t lost = 0, waiting = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        lost += w->candidate[i].ask == DHT_ASK_SLOW || w->candidate[i].ask == DHT_ASK_FAILED;
        waiting += w->candidate[i].ask == DHT_ASK_OUT || w->candidate[i].ask == DHT_ASK_SLOW;
    }
    uint32_t reads = w->reads > w->values ? w->reads - w->values : 0;
    uint32_t width = w->absent > 0 && reads < d->tuning.alpha ? d->tuning.alpha : reads;
    width = width == 1 && d->typical_us == 0 ? 2 : width; /* how long to wait for one of them nobody knows yet */
    uint32_t eligible = d->tuning.replicas + lost < w->count ? d->tuning.replicas + lost : w->count;
    while (out(w, w->paths) < width) {
        struct dht_candidate *best = NULL;
        for (uint32_t i = 0; i < eligible; i++) {
            struct dht_candidate *c = &w->candidate[i];
            if (c->ask == DHT_ASK_NEW && (best == NULL || expected_us(d, c) < expected_us(d, best))) {
                best = c;
            }
        }
        if (best == NULL) {
            return waiting == 0;
        }
        if (!dht_call_ask(d, w, best, DHT_PACKET_GET)) {
            return false;
        }
        best->ask = DHT_ASK_OUT;
        waiting++;
    }
    return false;
}
