#include "dht/wish.h"

#include <assert.h>

#include "dht/proof.h"
#include "dht/store.h"
#include "dht/table.h"

static_assert((int)DHT_CANDIDATES == (int)DHT_STEPS_MAX, "a find tells of each of its candidates");

enum { MS = 1000 };

/* ---- beginning ------------------------------------------------------------------------------------- */

/* Whoever is nearest as far as is known. Paths begin with different ones. */
static void first_candidates(struct dht *d, struct dht_wish *w)
{
    uint16_t near[DHT_K];
    uint32_t most = dht_state_is_whole(d) ? 2 * d->tuning.replicas : DHT_K;

    most = dht_table_nearest(d, &w->target, near, most < DHT_K ? most : DHT_K);
    for (uint32_t i = 0; i < most; i++) {
        const struct dht_peer *p = &d->peer[near[i]];
        const struct dht_contact who = {.node = p->node, .at = p->at};
        dht_search_add_known(d, w, &who, &p->id, i % w->paths, 1, DHT_NOTHING);
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void dht_wish_free(struct dht *d, struct dht_wish *w)
{
    dht_call_drop(d, w, NULL);
    w->kind = DHT_WISH_FREE;
    d->wishes--;
    while (d->wishes_end > 0 && d->wish[d->wishes_end - 1].kind == DHT_WISH_FREE) {
        d->wishes_end--;
    }
}

/* A vacant place; else that of the first put that is done and goes on for those who were late. NULL: there is neither. */
static struct dht_wish *vacant(struct dht *d, uint32_t first, uint32_t end)
{
    struct dht_wish *done = NULL;

    for (uint32_t i = first; i < end; i++) {
        struct dht_wish *w = &d->wish[i];
        if (w->kind == DHT_WISH_FREE) {
            return w;
        }
        done = w->is_told && (done == NULL || w->end_us < done->end_us) ? w : done;
    }
    if (done != NULL) {
        dht_wish_free(d, done);
    }
    return done;
}

struct dht_wish *dht_wish_begin(struct dht *d, enum dht_wish_kind kind, uint64_t name, const struct dht_id *target)
{
    struct dht_wish *w = name == 0 ? vacant(d, 0, 1) : vacant(d, 1, d->wishes_max + 1);

    if (w == NULL) {
        return NULL;
    }
    uint32_t end = (uint32_t)(w - d->wish) + 1;
    d->wishes_end = d->wishes_end < end ? end : d->wishes_end;
    memset(w, 0, offsetof(struct dht_wish, candidate));
    w->kind = kind;
    w->name = name;
    w->is_own = name == 0;
    w->target = *target;
    w->status = ERR_LATER;
    w->end_us = d->now_us + (uint64_t)d->tuning.wish_ms * DHT_US;
    w->reads = 1;
    w->need = (uint8_t)(kind == DHT_WISH_FIND ? DHT_K : d->tuning.replicas);
    w->most = DHT_K;
    /* Of gets and puts: a get needs one path that reaches a holder, and who puts one that reaches those that are nearest. */
    w->paths = dht_state_is_whole(d) || kind == DHT_WISH_FIND ? 1 : d->tuning.paths;
    d->wishes++;
    d->counters.wishes++;
    first_candidates(d, w);
    if (kind == DHT_WISH_GET && w->count == 0) {
        w->end_us = d->now_us + least(d->tuning.wish_ms, DHT_ALONE_MS) * DHT_US;
    }
    dht_upkeep_looked(d, target);
    return w;
}

struct dht_candidate *dht_wish_candidate(struct dht_wish *w, uint16_t serial)
{
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->candidate[i].serial == serial) {
            return &w->candidate[i];
        }
    }
    return NULL;
}

/* ---- answers --------------------------------------------------------------------------------------- */

void dht_wish_late(struct dht *d, struct dht_wish *w, const struct dht_call *call)
{
    struct dht_candidate *c = dht_wish_candidate(w, call->serial);

    (void)d;
    if (c != NULL && call->kind == DHT_PACKET_STORE) {
        c->keeping = DHT_KEEP_SLOW;
    } else if (c != NULL) {
        c->ask = DHT_ASK_SLOW;
    }
}

void dht_wish_failed(struct dht *d, struct dht_wish *w, const struct dht_call *call)
{
    struct dht_candidate *c = dht_wish_candidate(w, call->serial);

    (void)d;
    if (c != NULL && call->kind == DHT_PACKET_STORE) {
        c->keeping = DHT_KEEP_FAILED;
    } else if (c != NULL) {
        c->ask = DHT_ASK_FAILED;
    }
}

void dht_wish_clock(struct dht_candidate *c, int64_t ahead_s)
{
    c->has_clock = true;
    c->ahead_s = ahead_s > INT32_MAX ? INT32_MAX : ahead_s < -INT32_MAX ? -INT32_MAX : (int32_t)ahead_s;
}

static void answered(struct dht_wish *w, struct dht_candidate *c)
{
    c->ask = DHT_ASK_ANSWERED;
    w->hops = c->hop > w->hops ? c->hop : w->hops;
}

void dht_wish_nodes(struct dht *d, struct dht_wish *w, const struct dht_call *call, const struct dht_message *m)
{
    struct dht_candidate *c = dht_wish_candidate(w, call->serial);

    if (c == NULL) {
        return;
    }
    uint32_t path = c->path, hop = c->hop + 1u;
    uint16_t namer = c->serial;
    c->token = m->token;
    if (w->kind == DHT_WISH_GET && !c->has_value) {
        c->is_absent = true;
        w->absent++;
    }
    answered(w, c);
    for (uint32_t i = 0; i < m->count && !dht_state_is_whole(d) && path < w->paths; i++) { /* or its ways are over */
        dht_search_add(d, w, &m->contact[i], path, hop, namer); /* moves candidates */
    }
}

/* Kademlia, section 2.3: the nearest that had no copy gets one, so that a key many ask for is found earlier each time.
 * Of immutable records alone: no other copy is ever old. */
static void leave_copy(struct dht *d, const struct dht_wish *w, const struct dht_packet_record *record)
{
    for (uint32_t i = 0; i < w->count && !dht_state_is_whole(d); i++) {
        const struct dht_candidate *c = &w->candidate[i];
        if (c->ask == DHT_ASK_ANSWERED && c->is_absent && c->token != 0) { /* 0: what it had ended on the way */
            struct dht_message m = {.kind = DHT_PACKET_STORE, .token = c->token, .flags = DHT_FLAG_CACHE, .count = 1};
            m.record[0] = *record;
            m.record[0].left_ms = record->left_ms < d->tuning.cache_ms ? record->left_ms : d->tuning.cache_ms;
            d->counters.cached += dht_call_send(d, &c->who, &m, DHT_PACKET_MAX);
            return;
        }
    }
}

/* One record of an answer: whether it is one, of this key. *is_living is set when it is not over. */
static bool take_record(struct dht *d, struct dht_wish *w, struct dht_candidate *c, const struct dht_packet_record *record,
                        uint64_t *ret_tag, bool *is_living)
{
    struct dht_record r;

    if (dht_record_read(record->bytes, record->size, &r) != ERR_OK || !dht_id_equal(&r.key, &w->target) ||
        !dht_proof_is_genuine(d, &r, record->bytes, record->size)) {
        d->counters.forged++;
        return false;
    }
    *ret_tag = dht_record_tag(&r);
    if (!dht_proof_is_living(d, &r, record->left_ms, &r.left_ms)) {
        if (record->left_ms > 0 && !c->has_clock) { /* by the date here; whoever holds it has another, or says again what is over */
            dht_wish_clock(c, (int64_t)(d->wall_s - r.until_s - DHT_RECORD_MARGIN_S) + record->left_ms / MS);
            w->past++;
        }
        return true; /* it was one, and is over */
    }
    *is_living = true;
    if (!w->is_own && d->fx->found_count < DHT_FOUND_MAX && (r.kind != DHT_MUTABLE || r.seq > w->best_seq)) {
        d->fx->found[d->fx->found_count++] = (struct dht_found){.wish = w->name, .record = r};
    }
    w->best_seq = r.seq > w->best_seq ? r.seq : w->best_seq;
    if (r.kind == DHT_IMMUTABLE && w->values == 0) {
        leave_copy(d, w, record);
    }
    return true;
}

void dht_wish_values(struct dht *d, struct dht_wish *w, const struct dht_call *call, const struct dht_message *m)
{
    struct dht_candidate *c = dht_wish_candidate(w, call->serial);
    bool is_living = false;
    uint64_t tag = 0;

    if (c == NULL) {
        return;
    }
    uint32_t way_ms = (uint32_t)(dht_table_way_us(d, &c->id, d->now_us - call->begun_us) / DHT_US);
    for (uint32_t i = 0; i < m->count; i++) {
        struct dht_packet_record record = m->record[i];
        record.left_ms -= record.left_ms < way_ms ? record.left_ms : way_ms; /* lives go on on the way */
        if (!take_record(d, w, c, &record, &tag, &is_living)) {
            c->ask = DHT_ASK_FAILED; /* whoever gives out one that is forged is not believed about others */
            return;
        }
    }
    c->has_value = c->has_value || is_living;
    if ((m->flags & DHT_FLAG_MORE) != 0 && tag > c->after && c->pages < DHT_PAGES_MAX) {
        c->after = tag;
        c->pages++;
        if (dht_call_ask(d, w, c, DHT_PACKET_GET)) {
            c->ask = DHT_ASK_OUT;
            return;
        }
    }
    answered(w, c);
    w->values += c->has_value;
    if (!c->has_value) { /* all that it has ended on the way */
        c->is_absent = true;
        w->absent++;
    }
}

/* ---- going on -------------------------------------------------------------------------------------- */

/* There is nobody else. Where there is, and none of them is known or answers, nobody knows what they hold. */
static bool is_alone(const struct dht *d)
{
    return d->peers.count == 0 && !d->has_company;
}

/* A put that was done has `quorum` of the holders, so when a majority of them says that there is none there is none. */
static bool is_absent(const struct dht *d, const struct dht_wish *w)
{
    uint32_t most = d->tuning.replicas < w->count ? d->tuning.replicas : w->count, absent = 0;

    for (uint32_t i = 0; i < most; i++) {
        absent += w->candidate[i].is_absent;
    }
    return w->values == 0 && (w->count == 0 ? is_alone(d) : absent >= most / 2 + 1);
}

/* Most of those that are said to have none have one that is over by the date here alone. */
static enum err absence(const struct dht_wish *w)
{
    return 2 * w->past > w->absent ? ERR_RANGE : ERR_NOT_FOUND;
}

/* Nobody could be asked when it began: whoever was met since is. False: still nobody. */
static bool has_company(struct dht *d, struct dht_wish *w)
{
    if (w->count == 0) {
        first_candidates(d, w);
        w->end_us = w->count > 0 ? d->now_us + (uint64_t)d->tuning.wish_ms * DHT_US : w->end_us;
    }
    return w->count > 0;
}

/* Whether its last request had no answer at all. */
static bool is_failing(const struct dht *d, const struct dht_id *id)
{
    const struct dht_peer *p = dht_table_find(d, id);

    return p != NULL && p->fails > 0;
}

/* Whoever is late is passed over, but where the others are not enough to know, or to keep something. Where it is known, and several
 * are to say so, those that were silent the last time are not waited for: but by who is to see every put that was done. */
static bool needs_the_late(const struct dht *d, const struct dht_wish *w)
{
    uint32_t late = 0, answered = 1; /* this node itself */
    uint32_t holders = d->peers.count < d->tuning.replicas ? d->peers.count + 1 : d->tuning.replicas;
    bool is_any = w->values == 0 || w->reads + holders / 2 + 1 > holders;

    for (uint32_t i = 0; i < w->count; i++) {
        late += w->candidate[i].ask == DHT_ASK_SLOW && (is_any || !is_failing(d, &w->candidate[i].id));
        answered += w->candidate[i].ask == DHT_ASK_ANSWERED;
    }
    uint32_t there = late + answered < d->tuning.replicas ? late + answered : d->tuning.replicas;
    return late > 0 && (w->kind == DHT_WISH_GET ? w->values < w->reads && !is_absent(d, w) : answered < there / 2 + 1);
}

/* Whether there is nobody left to ask step by step. Before that is believed others are asked: when nobody had it, and when whoever
 * is to keep it cannot be all that are near. */
static bool is_near(struct dht *d, struct dht_wish *w)
{
    bool is_over = dht_search_near(d, w);
    bool is_thin = w->kind == DHT_WISH_PUT && !w->is_storing && dht_search_is_thin(d, w);

    if (is_over && w->values == 0 && (w->kind == DHT_WISH_GET || is_thin) && dht_search_again(d, w)) {
        is_over = dht_search_near(d, w);
    }
    return is_over && !needs_the_late(d, w);
}

static void run_find(struct dht *d, struct dht_wish *w)
{
    if (dht_state_is_whole(d) || (dht_search_near(d, w) && !needs_the_late(d, w))) {
        w->status = ERR_OK;
    }
}

static void run_get(struct dht *d, struct dht_wish *w)
{
    if (w->values >= w->reads) {
        w->status = ERR_OK;
    } else if (!is_alone(d) && !has_company(d, w)) {
        return; /* perhaps there is somebody in time */
    } else if (dht_state_is_whole(d) && is_absent(d, w)) {
        w->status = absence(w);
    } else if (dht_state_is_whole(d) ? dht_search_holders(d, w) : is_near(d, w)) {
        w->status = w->values > 0 ? ERR_OK : is_absent(d, w) ? absence(w) : ERR_TIMEOUT;
    }
}

/* Whether there is nothing left to do, be it told or not. */
static bool run_put(struct dht *d, struct dht_wish *w)
{
    w->is_near = w->is_near || dht_state_is_whole(d) || is_near(d, w);
    if (!w->is_storing && (w->is_near || dht_search_is_enough(d, w))) {
        dht_put_begin(d, w);
    }
    if (!w->is_storing) {
        return false;
    }
    bool is_over = dht_put_run(d, w) && w->is_near;
    if (w->status == ERR_LATER && dht_put_is_done(d, w)) {
        w->status = ERR_OK;
    } else if (w->status == ERR_LATER && is_over) {
        w->status = w->cas > 0 ? ERR_PRECONDITION : w->older > 0 ? ERR_ABORTED : w->limit > 0 ? ERR_LIMIT : w->past > 0 ? ERR_RANGE : ERR_TIMEOUT;
    }
    return is_over;
}

static void name_contacts(const struct dht *d, const struct dht_wish *w, struct dht_done *done)
{
    for (uint32_t i = 0; i < w->count && done->contacts < DHT_K; i++) {
        if (w->candidate[i].ask == DHT_ASK_ANSWERED || dht_state_is_whole(d)) {
            done->contact[done->contacts++] = w->candidate[i].who;
        }
    }
}

static void name_steps(const struct dht_wish *w, struct dht_done *done)
{
    for (; done->steps < w->count; done->steps++) {
        const struct dht_candidate *c = &w->candidate[done->steps];
        struct dht_step *s = &done->step[done->steps];
        *s = (struct dht_step){.who = c->who, .hop = c->hop};
        switch ((enum dht_ask)c->ask) {
        case DHT_ASK_NEW:
            s->state = DHT_STEP_KNOWN;
            break;
        case DHT_ASK_OUT:
        case DHT_ASK_SLOW:
            s->state = DHT_STEP_LATE;
            break;
        case DHT_ASK_ANSWERED:
            s->state = DHT_STEP_ANSWERED;
            break;
        case DHT_ASK_FAILED:
            s->state = DHT_STEP_FAILED;
            break;
        }
    }
}

/* What dates were told, by the one in the middle: a few that lie do not move it. */
static void name_clock(const struct dht_wish *w, struct dht_done *done)
{
    const struct dht_candidate *told[DHT_CANDIDATES];

    for (uint32_t i = 0; i < w->count; i++) {
        const struct dht_candidate *c = &w->candidate[i];
        uint32_t at = done->clocks;
        for (; c->has_clock && at > 0 && told[at - 1]->ahead_s > c->ahead_s; at--) {
            told[at] = told[at - 1];
        }
        told[at] = c;
        done->clocks += c->has_clock;
    }
    if (done->clocks > 0) {
        done->ahead_s = told[done->clocks / 2]->ahead_s;
        done->clock = told[done->clocks / 2]->who.node;
    }
}

/* Say how it ended; false: this step has said as much as it may. */
static bool tell(struct dht *d, struct dht_wish *w)
{
    if (w->is_told) {
        return true;
    }
    if (!w->is_own) {
        if (d->fx->done_count == DHT_DONE_MAX) {
            return false;
        }
        struct dht_done *done = &d->fx->done[d->fx->done_count++];
        *done = (struct dht_done){.wish = w->name, .status = w->status, .acked = w->values, .asked = w->asked,
                                  .hops = w->hops, .seq = w->held_seq};
        for (uint32_t i = 0; i < w->count; i++) {
            done->holders += w->candidate[i].keeping != DHT_KEEP_NONE;
        }
        done->holders += w->has_self;
        name_clock(w, done);
        if (w->kind == DHT_WISH_FIND) {
            name_contacts(d, w, done);
            name_steps(w, done);
        }
    }
    d->counters.wishes_failed += w->status != ERR_OK && w->status != ERR_NOT_FOUND;
    w->is_told = true;
    return true;
}

static void run(struct dht *d, struct dht_wish *w)
{
    bool is_over = true, is_late = d->now_us >= w->end_us;

    if (w->kind == DHT_WISH_PUT && (w->status == ERR_LATER || w->is_storing)) {
        is_over = run_put(d, w);
    } else if (w->status == ERR_LATER && w->kind == DHT_WISH_GET) {
        run_get(d, w);
    } else if (w->status == ERR_LATER) {
        run_find(d, w);
    }
    if (w->status == ERR_LATER && is_late) {
        w->status = w->kind != DHT_WISH_GET ? ERR_TIMEOUT : w->values > 0 ? ERR_OK : w->count == 0 ? ERR_UNAVAILABLE : ERR_TIMEOUT;
    }
    if (w->status == ERR_LATER || !tell(d, w)) {
        return;
    }
    if (is_over || is_late) { /* a put that is done goes on with those that have not answered */
        d->is_joining = d->is_joining && !w->is_own;
        dht_wish_free(d, w);
    }
}

void dht_wish_run(struct dht *d)
{
    for (uint32_t i = 1; i < d->wishes_end; i++) {
        if (d->wish[i].kind != DHT_WISH_FREE) {
            run(d, &d->wish[i]);
        }
    }
    if (d->wish[0].kind != DHT_WISH_FREE) {
        run(d, &d->wish[0]); /* last: somebody waits for the others */
    }
}

uint64_t dht_wish_due_us(const struct dht *d)
{
    uint64_t due_us = UINT64_MAX;

    for (uint32_t i = 0; i < d->wishes_end; i++) {
        const struct dht_wish *w = &d->wish[i];
        if (w->kind != DHT_WISH_FREE) {
            uint64_t at_us = w->status != ERR_LATER && !w->is_told ? d->now_us : w->end_us;
            due_us = at_us < due_us ? at_us : due_us;
        }
    }
    return due_us;
}
