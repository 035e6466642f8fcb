/* Bringing a record to its holders. Source: Kademlia, section 2.3 (store); majority: Gifford, "Weighted Voting for
 * Replicated Data", SOSP 1979. */
#include <assert.h>

#include "dht/store.h"
#include "dht/table.h"
#include "dht/token.h"
#include "dht/wish.h"

/* Whoever may be asked to keep it: everybody where all are known, else those that answered. */
static bool is_eligible(const struct dht *d, const struct dht_candidate *c)
{
    return c->ask == DHT_ASK_ANSWERED || (dht_state_is_whole(d) && c->ask == DHT_ASK_NEW);
}

/* Those too that may still answer. */
static uint32_t count_there(const struct dht *d, const struct dht_wish *w)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        const struct dht_candidate *c = &w->candidate[i];
        count += is_eligible(d, c) || c->ask == DHT_ASK_OUT || c->ask == DHT_ASK_SLOW;
    }
    return count;
}

/* Whether this node is itself one of the holders. */
static bool is_own_place(const struct dht *d, const struct dht_wish *w)
{
    uint32_t seen = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        seen += is_eligible(d, &w->candidate[i]) || w->candidate[i].ask == DHT_ASK_OUT;
        if (seen == d->tuning.replicas) {
            return dht_id_is_nearer(&w->target, &d->id, &w->candidate[i].id);
        }
    }
    return true;
}

static void take_status(struct dht_wish *w, enum dht_status status, uint64_t seq)
{
    w->held_seq = seq > w->held_seq ? seq : w->held_seq;
    w->values += status == DHT_STATUS_OK;
    w->older += status == DHT_STATUS_OLDER;
    w->cas += status == DHT_STATUS_CAS;
    w->limit += status == DHT_STATUS_QUOTA || status == DHT_STATUS_FULL;
    w->past += status == DHT_STATUS_REFUSED;
}

static void keep_here(struct dht *d, struct dht_wish *w)
{
    struct dht_record r;
    uint64_t seq;
    enum err e = dht_record_read(w->record, w->record_size, &r);

    assert(e == ERR_OK && w->expire_us > d->now_us);
    (void)e;
    r.left_ms = (uint32_t)((w->expire_us - d->now_us) / DHT_US);
    enum dht_status status = dht_store_put(d, &r, w->record, w->record_size, dht_token_source(d, &d->self, &d->self), w->has_expected ? DHT_FLAG_CAS : 0, w->expected, &seq);
    take_status(w, status, seq);
}

void dht_put_begin(struct dht *d, struct dht_wish *w)
{
    w->is_storing = true;
    w->has_self = is_own_place(d, w);
    if (w->has_self && w->expire_us > d->now_us) {
        keep_here(d, w);
    }
}

bool dht_put_run(struct dht *d, struct dht_wish *w)
{
    uint32_t wanted = d->tuning.replicas - w->has_self, seen = 0, waiting = 0;

    for (uint32_t i = 0; i < w->count; i++) { /* who is late or cannot has somebody else beside it */
        uint8_t k = w->candidate[i].keeping;
        wanted += k == DHT_KEEP_SLOW || k == DHT_KEEP_FAILED || k == DHT_KEEP_REFUSED;
        waiting += k == DHT_KEEP_SENT || k == DHT_KEEP_SLOW;
    }
    for (uint32_t i = 0; i < w->count && seen < wanted; i++) {
        struct dht_candidate *c = &w->candidate[i];
        waiting += c->ask == DHT_ASK_SLOW || c->ask == DHT_ASK_OUT; /* it may still say that it is there */
        seen += c->ask == DHT_ASK_OUT;
        if (!is_eligible(d, c)) {
            continue;
        }
        seen++;
        if (c->keeping != DHT_KEEP_NONE) {
            continue;
        }
        if (!dht_call_ask(d, w, c, DHT_PACKET_STORE)) {
            return false; /* at the next step */
        }
        bool is_doubted = dht_table_is_doubted(d, &c->id);
        c->keeping = is_doubted ? DHT_KEEP_SLOW : DHT_KEEP_SENT;
        wanted += is_doubted;
        waiting++;
    }
    return waiting == 0;
}

/* So many make a put done; where there are fewer nodes than holders should be, a majority of them. */
static uint32_t quorum(const struct dht *d, const struct dht_wish *w)
{
    uint32_t there = count_there(d, w) + w->has_self;
    uint32_t majority = (there < d->tuning.replicas ? there : d->tuning.replicas) / 2 + 1;

    return there < d->tuning.replicas && majority < d->tuning.quorum ? majority : d->tuning.quorum;
}

/* How many of the nearest have it, be they there or not. */
static uint32_t count_nearest(const struct dht *d, const struct dht_wish *w)
{
    uint32_t seen = w->has_self, have = w->has_self;

    for (uint32_t i = 0; i < w->count && seen < d->tuning.replicas; i++) {
        seen += w->candidate[i].ask != DHT_ASK_FAILED;
        have += w->candidate[i].keeping == DHT_KEEP_ACKED;
    }
    return have;
}

/* While some of the nearest may still answer it counts that most of them have it, not who has it in their place. */
bool dht_put_is_done(const struct dht *d, const struct dht_wish *w)
{
    return w->values > 0 && (w->is_near ? w->values : count_nearest(d, w)) >= quorum(d, w);
}

void dht_put_stored(const struct dht *d, struct dht_wish *w, const struct dht_call *call, const struct dht_message *m)
{
    struct dht_candidate *c = dht_wish_candidate(w, call->serial);

    if (c == NULL) {
        return;
    }
    if (m->status == DHT_STATUS_TOKEN && c->pages < DHT_TOKENS_MAX) {
        c->token = m->token; /* once more, with it */
        c->pages++;
        c->keeping = DHT_KEEP_NONE;
        return;
    }
    if (d->wall_s != 0 && m->token != 0 && m->token <= DHT_SEQ_MAX) {
        dht_wish_clock(c, (int64_t)(d->wall_s - m->token));
    }
    take_status(w, m->status, m->seq);
    c->keeping = m->status == DHT_STATUS_OK ? DHT_KEEP_ACKED : DHT_KEEP_REFUSED;
}
