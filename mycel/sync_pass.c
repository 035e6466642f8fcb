#include <assert.h>
#include <string.h>

#include "mycel/sync_inside.h"

enum { OVERHEAD = 64 }; /* bytes of a message beside key and value, for the rate */

/* ---- a page: whoever is at home in its slots -------------------------------------------------------- */

struct reading {
    struct mycel_sync_turn *t;
    uint16_t bucket;
    void (*each)(struct reading *g, const struct mycel_store_view *v, uint64_t hash);
    uint32_t count;
    struct mycel_store_key goes[MYCEL_SYNC_PAGE_MAX];
};

static void read_one(void *context, const struct mycel_store_view *v)
{
    struct reading *g = context;

    g->each(g, v, mycel_replica_hash(g->t->s->r, g->bucket, v->key, v->key_size));
}

static void read_page(struct reading *g)
{
    struct mycel_sync *s = g->t->s;
    struct mycel_store *store = s->r->store;

    for (uint16_t b = 0; b < store->buckets_max; b++) {
        uint32_t cursor = s->from;
        if (store->bucket[b].is_used) {
            g->bucket = b;
            mycel_store_scan(store, b, g->t->now_ms, s->next - s->from, &cursor, read_one, g);
        }
    }
}

static struct mycel_sync_item *item_of(struct mycel_sync *s, uint64_t hash, const struct mycel_version *v)
{
    for (uint32_t i = 0; i < s->items; i++) {
        if (s->item[i].hash == hash && s->item[i].version.stamp == v->stamp && s->item[i].version.writer == v->writer) {
            return &s->item[i];
        }
    }
    return NULL;
}

/* Who of an entry's holders is to be asked. Of what leaves all; else those with whom the sums differ. */
static void collect(struct reading *g, const struct mycel_store_view *v, uint64_t hash)
{
    struct mycel_sync *s = g->t->s;
    struct mycel_sync_item n = {.hash = hash, .version = {.stamp = v->version, .writer = v->writer}};
    uint32_t range = mycel_replica_range(hash);
    bool is_mine;
    uint32_t holders = mycel_replica_holders(s->r, hash, n.holder, &is_mine);

    n.is_leaving = !is_mine || (v->is_tombstone && mycel_version_is_forgettable(&n.version, true, g->t->wall_ms));
    if (v->version == 0 || holders == 0 || (!v->is_tombstone && v->left_ms < MYCEL_REPLICA_ENDING_MS)) {
        return;
    }
    for (uint32_t i = 0; i < holders; i++) {
        bool differs = (s->peer[n.holder[i]].now[range / 64] >> range % 64 & 1) != 0;
        n.asked |= (uint8_t)((n.holder[i] != s->r->self && (n.is_leaving || differs)) << i);
    }
    if (n.asked == 0 && !n.is_leaving) {
        return;
    }
    if (s->items == MYCEL_SYNC_PAGE_MAX) {
        s->was_cut = true;
        return;
    }
    s->item[s->items++] = n;
}

static uint8_t open_of(const struct mycel_sync *s, const struct mycel_sync_item *n)
{
    uint8_t open = 0;

    for (uint32_t i = 0; i < MYCEL_PLACE_REPLICAS_MAX; i++) {
        bool is_open = ((n->asked & ~n->has) >> i & 1) != 0 && !s->peer[n->holder[i]].is_behind;
        open |= (uint8_t)(is_open << i);
    }
    return open;
}

static struct mycel_sync_message about(const struct reading *g, const struct mycel_store_view *v, enum mycel_sync_kind kind, uint64_t hash)
{
    return (struct mycel_sync_message){.kind = kind, .page = g->t->s->page, .hash = hash, .copy = mycel_replica_copy_of(v), .left_ms = v->left_ms,
                                       .key = {.bucket = g->bucket, .bytes = v->key, .size = v->key_size}};
}

static void offer(struct reading *g, const struct mycel_store_view *v, uint64_t hash)
{
    struct mycel_sync *s = g->t->s;
    struct mycel_version version = {.stamp = v->version, .writer = v->writer};
    struct mycel_sync_item *n = item_of(s, hash, &version);
    struct mycel_sync_message m = about(g, v, MYCEL_SYNC_OFFER, hash);

    if (n == NULL) {
        return;
    }
    n->is_there = true;
    m.copy.bytes = NULL;
    uint8_t open = open_of(s, n) & (uint8_t)~n->wants;
    for (uint32_t i = 0; i < MYCEL_PLACE_REPLICAS_MAX; i++) {
        if ((open >> i & 1) != 0 && mycel_sync_say(g->t, n->holder[i], m)) {
            s->counts.offers++;
        }
    }
}

static void copy(struct reading *g, const struct mycel_store_view *v, uint64_t hash)
{
    struct mycel_sync *s = g->t->s;
    struct mycel_version version = {.stamp = v->version, .writer = v->writer};
    struct mycel_sync_item *n = item_of(s, hash, &version);

    for (uint32_t i = 0; n != NULL && i < MYCEL_PLACE_REPLICAS_MAX && s->credit > 0; i++) {
        if ((n->wants >> i & 1) != 0 && mycel_sync_say(g->t, n->holder[i], about(g, v, MYCEL_SYNC_COPY, hash))) {
            n->wants &= (uint8_t)~(1u << i);
            s->credit -= v->key_size + v->value_size + OVERHEAD;
            s->counts.copies++;
            s->counts.copy_bytes += v->key_size + v->value_size;
            s->has_sent = true;
            s->tries = 0;
            s->retry_ms = g->t->now_ms + MYCEL_SYNC_RETRY_MS;
        }
    }
}

/* What all holders have goes here, if it is still what they have. */
static void go(struct reading *g, const struct mycel_store_view *v, uint64_t hash)
{
    struct mycel_sync *s = g->t->s;
    struct mycel_version version = {.stamp = v->version, .writer = v->writer};
    const struct mycel_sync_item *n = item_of(s, hash, &version);

    if (n == NULL || !n->is_leaving) {
        return;
    }
    if ((n->asked & ~n->has) != 0) {
        s->is_again = true;
        return;
    }
    s->counts.left += !v->is_tombstone;
    s->counts.forgotten += v->is_tombstone;
    g->goes[g->count++] = (struct mycel_store_key){.bucket = g->bucket, .bytes = v->key, .size = v->key_size};
}

/* ---- a pass ----------------------------------------------------------------------------------------- */

void mycel_sync_pass_begin(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;

    s->is_passing = true;
    s->is_again = s->has_sent = s->is_for_sums = false;
    s->from = s->next = s->items = 0;
    s->counts.passes++;
    for (uint32_t i = 0; i < s->r->place->count; i++) {
        struct mycel_sync_peer *p = &s->peer[i];
        for (uint32_t w = 0; w < MYCEL_REPLICA_RANGES / 64; w++) {
            p->now[w] = p->wanted[w];
            p->wanted[w] = 0;
            s->is_for_sums |= p->now[w] != 0;
        }
        p->serves = p->asks;
        p->is_behind = false;
    }
}

static void end(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;

    s->is_passing = false;
    for (uint32_t i = 0; i < s->r->place->count; i++) {
        struct mycel_sync_peer *p = &s->peer[i];
        if (p->is_behind) {
            for (uint32_t w = 0; w < MYCEL_REPLICA_RANGES / 64; w++) {
                p->wanted[w] |= p->now[w];
            }
            s->is_again = true;
        } else if (p->serves != 0) {
            /* As long as those are away who may know more, nobody is told that this is all. */
            if (mycel_sync_is_whole(s, t->now_ms)) {
                p->asks = p->asks == p->serves ? 0 : p->asks;
                p->served = p->serves;
                (void)mycel_sync_say(t, i, (struct mycel_sync_message){.kind = MYCEL_SYNC_DONE, .nonce = p->serves}); /* he asks again */
            } else {
                s->is_again = true;
            }
        }
    }
    bool is_in_vain = s->is_for_sums && !s->has_sent && !s->is_again;
    s->slow = !is_in_vain ? 1 : s->slow * 2 < MYCEL_SYNC_SLOW ? s->slow * 2 : MYCEL_SYNC_SLOW;
    s->pass_ms = t->now_ms + (s->is_again ? MYCEL_SYNC_AGAIN_MS : MYCEL_SYNC_KEEP_HOUSE_MS);
}

/* The next page with something in it. false: the pass is over. */
static bool turn_over(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;
    struct reading g = {.t = t, .each = collect};
    uint32_t slots = MYCEL_SYNC_SLOTS;

    s->from = s->next;
    if (s->from == s->r->store->slots) {
        return false;
    }
    do {
        s->next = s->r->store->slots - s->from < slots ? s->r->store->slots : s->from + slots;
        s->items = 0;
        s->was_cut = false;
        read_page(&g);
        slots /= 2;
    } while (s->was_cut && slots > 0);
    s->is_again |= s->was_cut;
    s->page++;
    s->tries = 0;
    s->retry_ms = t->now_ms;
    return true;
}

static void close_page(struct mycel_sync_turn *t)
{
    struct reading g = {.t = t, .each = go};

    read_page(&g);
    for (uint32_t i = 0; i < g.count; i++) {
        mycel_store_forget(t->s->r->store, &g.goes[i], t->now_ms);
    }
    t->s->items = 0;
}

static void send_copies(struct mycel_sync_turn *t)
{
    struct reading g = {.t = t, .each = copy};

    for (uint32_t i = 0; i < t->s->items; i++) {
        if (t->s->item[i].wants != 0 && t->s->credit > 0) {
            read_page(&g);
            return;
        }
    }
}

static bool is_open(const struct mycel_sync *s)
{
    uint8_t open = 0;

    for (uint32_t i = 0; i < s->items; i++) {
        open |= open_of(s, &s->item[i]);
    }
    return open != 0;
}

/* The page is offered to those who have not confirmed it. What was replaced meanwhile is not offered any more: it was written to all of its
 * holders. */
static void offer_page(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;
    struct reading g = {.t = t, .each = offer};

    for (uint32_t i = 0; i < s->items; i++) {
        s->item[i].is_there = false;
    }
    read_page(&g);
    for (uint32_t i = 0; i < s->items; i++) {
        s->item[i].asked = s->item[i].is_there ? s->item[i].asked : 0;
        s->item[i].wants = s->item[i].is_there ? s->item[i].wants : 0;
    }
}

/* Those who have not confirmed it are left alone for the rest of the pass. */
static void give_up(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;

    for (uint32_t i = 0; i < s->items; i++) {
        uint8_t open = open_of(s, &s->item[i]);
        for (uint32_t h = 0; h < MYCEL_PLACE_REPLICAS_MAX; h++) {
            s->peer[s->item[i].holder[h]].is_behind |= (open >> h & 1) != 0;
        }
    }
}

/* Copies that wait for bytes to be allowed are nobody's silence. */
static bool is_short_of_credit(const struct mycel_sync *s)
{
    uint8_t wants = 0;

    for (uint32_t i = 0; i < s->items; i++) {
        wants |= s->item[i].wants;
    }
    return wants != 0 && s->credit <= 0;
}

static void ask(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;

    if (!is_open(s) || t->now_ms < s->retry_ms || is_short_of_credit(s)) {
        return;
    }
    if (s->tries++ >= MYCEL_SYNC_TRIES) {
        give_up(t);
        return;
    }
    s->retry_ms = t->now_ms + MYCEL_SYNC_RETRY_MS;
    offer_page(t);
}

void mycel_sync_pass_step(struct mycel_sync_turn *t)
{
    struct mycel_sync *s = t->s;

    for (uint32_t i = 0; i < MYCEL_SYNC_STEPS / MYCEL_SYNC_SLOTS; i++) {
        if (s->items == 0 && !turn_over(t)) {
            end(t);
            return;
        }
        send_copies(t);
        ask(t);
        if (is_open(s)) {
            return;
        }
        close_page(t);
    }
}

void mycel_sync_pass_answered(struct mycel_sync_turn *t, uint32_t from, const struct mycel_sync_message *m)
{
    struct mycel_sync *s = t->s;
    struct mycel_sync_item *n = s->is_passing && m->page == s->page ? item_of(s, m->hash, &m->copy.version) : NULL;

    for (uint32_t i = 0; n != NULL && i < MYCEL_PLACE_REPLICAS_MAX; i++) {
        if (n->holder[i] == from && (n->asked >> i & 1) != 0) {
            n->has |= (uint8_t)((m->verdict == MYCEL_SYNC_HAVE) << i);
            n->wants = (uint8_t)((n->wants & ~(1u << i)) | (unsigned)(m->verdict == MYCEL_SYNC_WANT && (n->has >> i & 1) == 0) << i);
        }
    }
    if (n != NULL) {
        mycel_sync_pass_step(t);
    }
}

/* ---- another one's pass ----------------------------------------------------------------------------- */

static void answer(struct mycel_sync_turn *t, uint32_t to, const struct mycel_sync_message *m, enum mycel_sync_verdict verdict)
{
    (void)mycel_sync_say(t, to, (struct mycel_sync_message){.kind = MYCEL_SYNC_ANSWER, .page = m->page, .hash = m->hash, .verdict = verdict,
                                                            .copy.version = m->copy.version}); /* he asks again */
}

/* What a member lacks it wants unless it would be over soon, would drive somebody out, or is a tombstone of what nobody can have. */
static bool is_wanted(const struct mycel_sync_turn *t, const struct mycel_sync_message *m)
{
    struct mycel_replica *r = t->s->r;
    struct mycel_version_copy there = mycel_replica_find(r, &m->key, t->now_ms);

    if (there.version.stamp != 0) {
        if (there.version.stamp != m->copy.version.stamp || there.version.writer != m->copy.version.writer) {
            return mycel_version_compare(&there, &m->copy) < 0;
        }
        return m->copy.is_tombstone && !there.is_tombstone;
    }
    if (m->copy.is_tombstone) {
        return !mycel_version_is_forgettable(&m->copy.version, true, t->wall_ms);
    }
    return m->left_ms >= MYCEL_REPLICA_ENDING_MS && mycel_store_has_room(r->store, m->key.bucket, m->key.size, (uint32_t)m->copy.size);
}

void mycel_sync_offered(struct mycel_sync_turn *t, uint32_t from, const struct mycel_sync_message *m)
{
    struct mycel_sync *s = t->s;
    uint32_t holder[MYCEL_PLACE_REPLICAS_MAX];
    uint64_t hash = mycel_replica_hash(s->r, m->key.bucket, m->key.bytes, m->key.size);
    bool is_mine;

    (void)mycel_replica_holders(s->r, hash, holder, &is_mine);
    if (!is_mine || hash != m->hash) {
        return;
    }
    if (!is_wanted(t, m)) {
        answer(t, from, m, MYCEL_SYNC_HAVE);
        return;
    }
    uint32_t slot = (uint32_t)(hash % MYCEL_SYNC_ASKED_MAX);
    bool is_asked = s->asked[slot].hash == hash && s->asked[slot].stamp >= m->copy.version.stamp && t->now_ms < s->asked[slot].at_ms + MYCEL_SYNC_ASKED_MS;
    if (!is_asked) {
        s->asked[slot].hash = hash;
        s->asked[slot].stamp = m->copy.version.stamp;
        s->asked[slot].at_ms = t->now_ms;
        answer(t, from, m, MYCEL_SYNC_WANT);
    }
}

void mycel_sync_copied(struct mycel_sync_turn *t, uint32_t from, const struct mycel_sync_message *m)
{
    struct mycel_sync *s = t->s;
    uint64_t hash = mycel_replica_hash(s->r, m->key.bucket, m->key.bytes, m->key.size);
    uint32_t slot = (uint32_t)(hash % MYCEL_SYNC_ASKED_MAX), holder[MYCEL_PLACE_REPLICAS_MAX];
    bool is_mine;

    (void)mycel_replica_holders(s->r, hash, holder, &is_mine);
    if (!is_mine || s->asked[slot].hash != hash || s->asked[slot].stamp != m->copy.version.stamp ||
        t->now_ms >= s->asked[slot].at_ms + MYCEL_SYNC_LATE_MS) {
        return;
    }
    enum err e = mycel_replica_take(s->r, &m->key, &m->copy, m->left_ms, t->wall_ms, t->now_ms);
    s->counts.taken += e == ERR_OK;
    if (e != ERR_RANGE && e != ERR_INVALID) {
        answer(t, from, m, MYCEL_SYNC_HAVE); /* also where there is no room: asked again he would say so, too */
    }
}
