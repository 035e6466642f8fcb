#include "dht/keep.h"

#include <assert.h>

#include "dht/call.h"
#include "dht/store.h"
#include "dht/table.h"
#include "dht/token.h"

/* ---- walks over all records ------------------------------------------------------------------------ */

static struct dht_job *add_job(struct dht *d, enum dht_job_kind kind, const struct dht_contact *who,
                               const struct dht_id *id)
{
    if (d->jobs == DHT_JOBS_MAX) {
        return NULL;
    }
    struct dht_job *j = &d->job[d->jobs++];
    *j = (struct dht_job){.kind = kind, .who = *who, .id = *id};
    d->sweep_us = d->jobs == 1 ? d->now_us : d->sweep_us;
    return j;
}

/* A node that starts again holds nothing, or what it held when it was saved, and those who did not notice that it was away
 * offer it nothing by themselves: whoever it finds in its first seconds hears what it has, and offers what it lacks. */
static void greet(struct dht *d, const struct dht_contact *who, const struct dht_id *id)
{
    uint16_t near[DHT_GREETED];
    uint32_t count = dht_table_nearest(d, &d->id, near, DHT_GREETED);

    for (uint32_t i = 0; i < count; i++) {
        if (dht_id_equal(&d->peer[near[i]].id, id)) {
            (void)add_job(d, DHT_JOB_SUM, who, id); /* where there are too many, a comparison in its turn finds it */
            return;
        }
    }
}

void dht_keep_changed(struct dht *d, const struct dht_contact *who, const struct dht_id *id)
{
    if (d->now_us < d->born_us + (uint64_t)DHT_GREET_MS * DHT_US) {
        greet(d, who, id);
    }
    if (d->records.count == 0) {
        return;
    }
    for (uint32_t i = 1; i < d->jobs; i++) { /* the first is under way: what it has passed it has passed */
        if (d->job[i].kind == DHT_JOB_CHANGE && (d->job[i].is_all || dht_id_equal(&d->job[i].id, id))) {
            return;
        }
    }
    struct dht_job *j = add_job(d, DHT_JOB_CHANGE, who, id);
    if (j == NULL) { /* many at once: one walk for all, in the place of the last of them */
        j = &d->job[DHT_JOBS_MAX - 1];
        *j = (struct dht_job){.kind = DHT_JOB_CHANGE, .is_all = true, .who = *who, .id = *id};
    }
}

static bool has_job(const struct dht *d, enum dht_job_kind kind, const struct dht_id *id)
{
    for (uint32_t i = 0; i < d->jobs; i++) {
        if (d->job[i].kind == kind && dht_id_equal(&d->job[i].id, id)) {
            return true;
        }
    }
    return false;
}

/* Who should hold a record: up to `replicas` of its peers, and how many of them are nearer than this node. */
struct holders {
    uint16_t peer[DHT_K];
    uint32_t count, rank;
};

static void find_holders(const struct dht *d, const struct dht_id *key, struct holders *h)
{
    h->count = dht_table_nearest(d, key, h->peer, d->tuning.replicas);
    h->rank = 0;
    while (h->rank < h->count && dht_id_is_nearer(key, &d->peer[h->peer[h->rank]].id, &d->id)) {
        h->rank++;
    }
    if (h->rank < d->tuning.replicas && h->count == d->tuning.replicas) {
        h->count--; /* this node is one of so many itself */
    }
}

static bool is_among(const struct dht *d, const struct holders *h, const struct dht_id *id)
{
    for (uint32_t i = 0; i < h->count; i++) {
        if (dht_id_equal(&d->peer[h->peer[i]].id, id)) {
            return true;
        }
    }
    return false;
}

/* Whether who came or went is, or was, one of the holders. */
static bool concerns(const struct dht *d, const struct dht_job *j, const struct dht_id *key, const struct holders *h)
{
    return j->is_all || h->count + 1 < d->tuning.replicas ||
           !dht_id_is_nearer(key, &d->peer[h->peer[h->count - 1]].id, &j->id);
}

/* ---- offers ---------------------------------------------------------------------------------------- */

/* Offers of one step, each to one holder. */
struct pages {
    uint32_t count;
    struct dht_contact to[DHT_K];
    struct dht_id id[DHT_K];
    struct dht_message page[DHT_K];
};

static void remember(struct dht *d, struct dht_lately with[DHT_LATELY], const struct dht_id *id)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < DHT_LATELY; i++) {
        if (dht_id_equal(&with[i].id, id)) {
            at = i;
            break;
        }
        at = with[i].until_us < with[at].until_us ? i : at; /* the longest ago gives way */
    }
    with[at] = (struct dht_lately){.id = *id, .until_us = d->now_us + (uint64_t)DHT_LATELY_MS * DHT_US};
}

static bool is_lately(const struct dht *d, const struct dht_lately with[DHT_LATELY], const struct dht_id *id)
{
    for (uint32_t i = 0; i < DHT_LATELY; i++) {
        if (with[i].until_us >= d->now_us && dht_id_equal(&with[i].id, id)) {
            return true;
        }
    }
    return false;
}

bool dht_keep_wanted(const struct dht *d, const struct dht_id *id)
{
    return is_lately(d, d->wants, id);
}

static void send_page(struct dht *d, struct pages *p, uint32_t at)
{
    d->counters.offers += dht_call_send(d, &p->to[at], &p->page[at], DHT_PACKET_MAX);
    remember(d, d->offers, &p->id[at]);
    p->page[at].count = 0;
}

static void offer(struct dht *d, struct pages *p, const struct dht_contact *to, const struct dht_id *id,
                  const struct dht_entry *e, bool is_back)
{
    uint32_t at = 0;

    while (at < p->count && !dht_id_equal(&p->id[at], id)) {
        at++;
    }
    if (at == DHT_K) {
        return; /* a comparison finds it later */
    }
    if (at == p->count) {
        p->count++;
        p->to[at] = *to;
        p->id[at] = *id;
        p->page[at] = (struct dht_message){.kind = DHT_PACKET_OFFER, .flags = is_back ? DHT_FLAG_BACK : 0};
    }
    if (p->page[at].count == DHT_ITEMS_MAX) {
        send_page(d, p, at);
    }
    p->page[at].item[p->page[at].count++] = (struct dht_item){.key = e->key, .tag = e->tag, .seq = e->seq};
}

/* ---- one record of a walk -------------------------------------------------------------------------- */

/* Of (key, tag, sequence); sums of it do not depend on the order. */
static uint64_t hash(const struct dht_entry *e)
{
    uint64_t word;

    memcpy(&word, e->key.byte, sizeof word);
    word ^= e->tag * UINT64_C(0x9e3779b97f4a7c15);
    word ^= (e->seq + 1) * UINT64_C(0xbf58476d1ce4e5b9);
    word = (word ^ (word >> 30)) * UINT64_C(0x94d049bb133111eb);
    return word ^ (word >> 31);
}

static void look(struct dht *d, struct dht_job *j, const struct dht_entry *e, struct pages *p)
{
    struct holders h;

    if ((e->flags & DHT_ENTRY_CACHED) != 0) {
        return;
    }
    find_holders(d, &e->key, &h);
    if (j->kind == DHT_JOB_CHANGE) {
        for (uint32_t i = 0; h.rank < DHT_OFFERERS && concerns(d, j, &e->key, &h) && i < h.count; i++) {
            const struct dht_peer *to = &d->peer[h.peer[i]];
            const struct dht_contact who = {.node = to->node, .at = to->at};
            offer(d, p, &who, &to->id, e, false);
        }
        return;
    }
    if (h.rank >= d->tuning.replicas || !is_among(d, &h, &j->id)) {
        return;
    }
    j->count++;
    j->hash += hash(e);
    if (j->kind == DHT_JOB_OFFER) {
        offer(d, p, &j->who, &j->id, e, j->is_back);
    }
}

/* ---- ends of walks --------------------------------------------------------------------------------- */

static void finish(struct dht *d)
{
    struct dht_job j = d->job[0];
    struct dht_message m = {.kind = DHT_PACKET_SUM, .sum_count = j.count, .sum_hash = j.hash};

    d->jobs--;
    memmove(&d->job[0], &d->job[1], d->jobs * sizeof d->job[0]);
    switch (j.kind) {
    case DHT_JOB_CHANGE:
        break;
    case DHT_JOB_SUM:
        d->counters.sums += dht_call_send(d, &j.who, &m, DHT_PACKET_MAX);
        break;
    case DHT_JOB_CHECK:
        if (j.count != j.theirs_count || j.hash != j.theirs_hash) {
            struct dht_job *next = add_job(d, DHT_JOB_OFFER, &j.who, &j.id);
            d->counters.sums_differ++;
            if (next != NULL) {
                next->is_back = true;
            }
        }
        break;
    case DHT_JOB_OFFER:
        if (j.is_back && j.count == 0) { /* nothing to offer, and all the more to want */
            m = (struct dht_message){.kind = DHT_PACKET_OFFER, .flags = DHT_FLAG_BACK};
            (void)dht_call_send(d, &j.who, &m, DHT_PACKET_MAX);
        }
        break;
    }
}

static void sweep(struct dht *d)
{
    struct dht_job *j = &d->job[0];
    struct pages p;
    uint32_t at = dht_order_lower(&d->records, &j->from), seen = 0;

    p.count = 0;
    while (at < d->records.count && (seen < DHT_SWEEP || dht_id_equal(dht_order_id(&d->records, at), &j->from))) {
        const struct dht_entry *e = dht_store_entry(d, at++);
        j->from = e->key; /* a step ends between two keys */
        look(d, j, e, &p);
        seen++;
    }
    for (uint32_t i = 0; i < p.count; i++) {
        if (p.page[i].count > 0) {
            send_page(d, &p, i);
        }
    }
    d->sweep_us = d->now_us + DHT_SWEEP_US;
    if (at == d->records.count) {
        finish(d);
    } else {
        j->from = *dht_order_id(&d->records, at);
    }
}

/* ---- time ------------------------------------------------------------------------------------------ */

/* With whom to compare: another holder of any record that is held here rightly. */
static void compare(struct dht *d)
{
    struct holders h;

    if (d->records.count == 0 || d->jobs > 0) {
        return;
    }
    const struct dht_entry *e = dht_store_entry(d, (uint32_t)rng_below(&d->rng, d->records.count));
    find_holders(d, &e->key, &h);
    if (h.rank < d->tuning.replicas && h.count > 0) {
        const struct dht_peer *with = &d->peer[h.peer[rng_below(&d->rng, h.count)]];
        const struct dht_contact who = {.node = with->node, .at = with->at};
        (void)add_job(d, DHT_JOB_SUM, &who, &with->id);
    }
}

void dht_keep_clock(struct dht *d)
{
    if (d->now_us >= d->sync_us) {
        uint64_t gap_us = (uint64_t)d->tuning.sync_ms * DHT_US;
        d->sync_us = d->now_us + gap_us / 2 + rng_below(&d->rng, gap_us);
        compare(d);
    }
    if (d->jobs > 0 && d->now_us >= d->sweep_us) {
        sweep(d);
    }
}

uint64_t dht_keep_due_us(const struct dht *d)
{
    return d->jobs > 0 && d->sweep_us < d->sync_us ? d->sweep_us : d->sync_us;
}

/* ---- what others say ------------------------------------------------------------------------------- */

static const struct dht_entry *find_item(const struct dht *d, const struct dht_item *item, uint32_t *ret_place)
{
    uint32_t place, end;

    dht_store_places(d, &item->key, &place, &end);
    for (; place < end; place++) {
        if (dht_store_entry(d, place)->tag == item->tag) {
            *ret_place = place;
            return dht_store_entry(d, place);
        }
    }
    return NULL;
}

uint32_t dht_keep_date(const struct dht *d)
{
    return (uint32_t)(d->now_us / DHT_US) | 1; /* not 0: of nobody who asked */
}

uint32_t dht_keep_left_ms(const struct dht *d, const struct dht_id *id, const struct dht_message *m)
{
    uint32_t left_ms = m->record[0].left_ms, since_ms = dht_keep_date(d) - m->txn;

    if (since_ms > DHT_LATELY_MS) {
        return 0;
    }
    uint32_t way_ms = (uint32_t)(dht_table_way_us(d, id, (uint64_t)since_ms * DHT_US) / DHT_US);
    return left_ms > way_ms ? left_ms - way_ms : 0;
}

/* Ask for what is offered, is not here, and should be. */
static void take_offer(struct dht *d, const struct dht_contact *from, const struct dht_id *id, const struct dht_message *m)
{
    struct dht_message want = {.kind = DHT_PACKET_WANT, .txn = dht_keep_date(d), .token = dht_token_make(d, from)};
    uint32_t place;

    for (uint32_t i = 0; i < m->count; i++) {
        const struct dht_entry *e = find_item(d, &m->item[i], &place);
        bool is_new = e == NULL || e->seq < m->item[i].seq || (e->flags & DHT_ENTRY_CACHED) != 0;
        if (is_new && dht_table_is_holder(d, &m->item[i].key, d->tuning.replicas)) {
            want.item[want.count++] = m->item[i];
        }
    }
    if (want.count > 0) {
        remember(d, d->wants, id);
        d->counters.wants += dht_call_send(d, from, &want, DHT_PACKET_MAX);
    }
    if ((m->flags & DHT_FLAG_BACK) != 0 && !has_job(d, DHT_JOB_OFFER, id)) {
        (void)add_job(d, DHT_JOB_OFFER, from, id);
    }
}

/* Only to who was offered something: a WANT is answered with thirty times its size. */
static void give(struct dht *d, const struct dht_contact *from, const struct dht_id *id, const struct dht_message *m)
{
    uint32_t place;

    for (uint32_t i = 0; i < m->count && is_lately(d, d->offers, id); i++) {
        const struct dht_entry *e = find_item(d, &m->item[i], &place);
        if (e != NULL && dht_store_left_ms(d, e) > 0) {
            uint8_t bytes[DHT_RECORD_MAX];
            struct dht_record r;
            struct dht_message out = {.kind = DHT_PACKET_STORE, .txn = m->txn, .token = m->token, .flags = DHT_FLAG_REPAIR, .count = 1};
            out.record[0].size = (uint16_t)dht_store_read(d, place, bytes, &r);
            out.record[0].left_ms = r.left_ms;
            out.record[0].bytes = bytes;
            (void)dht_call_send(d, from, &out, DHT_PACKET_MAX); /* or a later comparison finds it missing again */
        }
    }
}

void dht_keep_heard(struct dht *d, const struct dht_contact *from, const struct dht_id *id, const struct dht_message *m)
{
    if (m->kind == DHT_PACKET_OFFER) {
        take_offer(d, from, id, m);
    } else if (m->kind == DHT_PACKET_WANT) {
        give(d, from, id, m);
    } else if (!has_job(d, DHT_JOB_CHECK, id)) {
        struct dht_job *j = add_job(d, DHT_JOB_CHECK, from, id);
        if (j != NULL) {
            j->theirs_count = m->sum_count;
            j->theirs_hash = m->sum_hash;
        }
    }
}
