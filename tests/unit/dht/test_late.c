/* Claims about whoever does not answer where peers come near step by step: who is waited for, who is asked beside, what goes on. */
#include <string.h>

#include "common/base/bytes.h"
#include "dht/table.h"
#include "dht/wish.h"
#include "tests/unit/dht/kit.h"

enum { HOUR_MS = 3600000, PEERS = 14, MS = 1000, NOBODY = UINT32_MAX };

/* A core among peers, and a record for which it is no holder. */
struct scene {
    struct kit k;
    struct kit_record r;
    uint32_t near[PEERS];            /* nearest first                              */
    uint32_t silent;                 /* this one does not answer                   */
    struct dht_message unanswered;   /* the last request to it                     */
    uint32_t asked, stored;          /* requests that were seen, STOREs among them */
    uint32_t holders;                /* so many of the nearest have it             */
    enum err status;                 /* LATER: no wish has ended                   */
    uint32_t values;                 /* … then: of so many                         */
};

static void open_scene(struct scene *s, uint32_t peers)
{
    const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};
    struct dht_config c = kit_config();
    uint16_t near[DHT_K];

    *s = (struct scene){.silent = NOBODY, .status = ERR_LATER};
    kit_open_as(&s->k, &c);
    s->k.d->born_us = 0;
    for (uint32_t i = 0; i < peers; i++) {
        CHECK(kit_hear(&s->k, i, &ping) == ERR_OK, "somebody is there");
    }
    for (uint32_t i = 0; i == 0 || (peers > DHT_REPLICAS && dht_table_is_holder(s->k.d, &s->r.r.key, DHT_REPLICAS)); i++) {
        kit_immutable(&s->r, i, 20, HOUR_MS);
    }
    uint32_t count = dht_table_nearest(s->k.d, &s->r.r.key, near, DHT_K);
    for (uint32_t i = 0; i < count; i++) {
        s->near[i] = bytes_get_be32(s->k.d->peer[near[i]].node.byte);
    }
}

static void doubt(struct scene *s, uint32_t who)
{
    struct dht_id id = kit_id(who);

    dht_table_find(s->k.d, &id)->fails = 1;
}

static void answer(struct scene *s, uint32_t who, const struct dht_message *m)
{
    struct dht_message out = kit_answer(m, m->kind == DHT_PACKET_STORE ? DHT_PACKET_STORED : DHT_PACKET_NODES);

    out.status = DHT_STATUS_OK;
    out.token = 7;
    out.flags = m->kind == DHT_PACKET_GET ? DHT_FLAG_ABSENT : 0;
    bool is_held = false;
    for (uint32_t i = 0; i < s->holders; i++) {
        is_held = is_held || s->near[i] == who;
    }
    if (m->kind == DHT_PACKET_GET && is_held) {
        out = kit_answer(m, DHT_PACKET_VALUES);
        out.count = 1;
        out.record[0] = (struct dht_packet_record){.left_ms = HOUR_MS, .size = (uint16_t)s->r.size, .bytes = s->r.bytes};
    }
    CHECK(kit_hear(&s->k, who, &out) == ERR_OK, "an answer");
}

/* All answer what was sent, and what is sent for those answers; but one. */
static void answer_all(struct scene *s)
{
    struct dht_effects fx = s->k.fx;

    s->status = fx.done_count > 0 ? fx.done[0].status : s->status;
    s->values = fx.done_count > 0 ? fx.done[0].acked : s->values;
    for (uint32_t i = 0; i < fx.sends; i++) {
        uint32_t who = bytes_get_be32(fx.send[i].to.byte);
        struct dht_message m;
        REQUIRE(dht_packet_read(fx.send[i].packet.bytes, fx.send[i].packet.size, &m) == ERR_OK, "what is sent is a packet");
        s->asked++;
        s->stored += m.kind == DHT_PACKET_STORE;
        if (who == s->silent) {
            s->unanswered = m;
        } else if (m.kind == DHT_PACKET_FIND || m.kind == DHT_PACKET_GET || m.kind == DHT_PACKET_STORE) {
            answer(s, who, &m);
            answer_all(s);
        }
    }
}

static void who_was_silent_is_asked_and_not_waited_for(void)
{
    struct scene s;

    open_scene(&s, PEERS);
    doubt(&s, s.near[1]);
    CHECK(dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 1, &s.k.fx) == ERR_OK, "a get");
    CHECK(kit_sent(&s.k, DHT_PACKET_GET, UINT32_MAX, NULL, NULL) == DHT_ALPHA + 1, "as many as always, and one more");
    CHECK(kit_sent(&s.k, DHT_PACKET_GET, s.near[1], NULL, NULL) == 1, "who was silent is one of them");
    s.silent = s.near[1];
    answer_all(&s);
    CHECK(s.status == ERR_NOT_FOUND, "its answer is not waited for: %s", err_name(s.status));
    kit_close(&s.k);
}

/* Others who want something of it meanwhile do not wait for it, until it says something. */
static void who_owes_an_answer_is_not_waited_for(void)
{
    struct scene s;
    const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};

    open_scene(&s, PEERS);
    s.silent = s.near[0];
    struct dht_id id = kit_id(s.silent);
    for (uint32_t i = 0; i < 50; i++) {
        dht_table_rtt(s.k.d, dht_table_find(s.k.d, &id), 50 * MS);
    }
    CHECK(dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 1, &s.k.fx) == ERR_OK, "a get");
    CHECK(!dht_table_is_doubted(s.k.d, &id), "it was only just asked");
    for (uint32_t i = 0; i < 2; i++) {
        answer_all(&s);
        kit_due(&s.k);
    }
    CHECK(dht_table_is_doubted(s.k.d, &id), "it was asked twice");
    dht_core_cancel(s.k.d, 1);
    CHECK(dht_core_get(s.k.d, s.k.now_us, 2, &s.r.r.key, 1, &s.k.fx) == ERR_OK, "another get");
    CHECK(kit_sent(&s.k, DHT_PACKET_GET, UINT32_MAX, NULL, NULL) == DHT_ALPHA + 1, "does not wait for it");
    CHECK(kit_hear(&s.k, s.silent, &ping) == ERR_OK && !dht_table_is_doubted(s.k.d, &id), "until it says something");
    kit_close(&s.k);
}

static void where_all_were_silent_they_are_waited_for(void)
{
    for (uint32_t turn = 0; turn < 2; turn++) {
        struct scene s;
        open_scene(&s, PEERS);
        for (uint32_t i = 0; i < PEERS; i++) {
            doubt(&s, i);
        }
        enum err e = turn == 0 ? dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 1, &s.k.fx) : dht_core_put(s.k.d, s.k.now_us, 1, &s.r.r, NULL, &s.k.fx);
        CHECK(e == ERR_OK && s.k.fx.done_count == 0 && s.k.fx.sends >= DHT_ALPHA, "nothing has ended before anybody was asked");
        answer_all(&s);
        CHECK(s.status == (turn == 0 ? ERR_NOT_FOUND : ERR_OK), "they are there: %s", err_name(s.status));
        kit_close(&s.k);
    }
}

static void who_waited_for_some_asks_one_more_than_always(void)
{
    struct scene s;

    open_scene(&s, PEERS);
    CHECK(dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 1, &s.k.fx) == ERR_OK, "a get");
    CHECK(kit_sent(&s.k, DHT_PACKET_GET, UINT32_MAX, NULL, NULL) == DHT_ALPHA, "as many as always");
    kit_due(&s.k);
    uint32_t others = 0;
    for (uint32_t i = DHT_ALPHA; i < PEERS; i++) {
        others += kit_sent(&s.k, DHT_PACKET_GET, s.near[i], NULL, NULL);
    }
    CHECK(others == DHT_ALPHA + 1, "all of them are late: %u others", others);
    kit_close(&s.k);
}

/* Of two nodes one is late: what it holds counts, as there are no others. */
static void who_is_late_is_waited_for_where_it_counts(void)
{
    struct scene s;

    open_scene(&s, 2);
    s.silent = s.near[0];
    CHECK(dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 1, &s.k.fx) == ERR_OK, "a get");
    answer_all(&s);
    for (uint32_t i = 0; i < 2; i++) { /* late; asked again */
        kit_due(&s.k);
        answer_all(&s);
    }
    CHECK(s.status == ERR_LATER, "it has not ended: %s", err_name(s.status));
    answer(&s, s.near[0], &s.unanswered);
    answer_all(&s);
    CHECK(s.status == ERR_NOT_FOUND, "now all have said so: %s", err_name(s.status));
    kit_close(&s.k);
}

/* Who wants to hear several holders, as a comparison does, is told of too few only when no more of them can answer. */
static void who_is_late_is_waited_for_where_several_are_heard(void)
{
    struct scene s;

    open_scene(&s, 4);
    s.silent = s.near[0];
    s.holders = 4;
    CHECK(dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 4, &s.k.fx) == ERR_OK, "a get");
    answer_all(&s);
    for (uint32_t i = 0; i < 2; i++) { /* late; asked again */
        kit_due(&s.k);
        answer_all(&s);
    }
    CHECK(s.status == ERR_LATER, "it has not ended: %s, of %u", err_name(s.status), s.values);
    answer(&s, s.near[0], &s.unanswered);
    answer_all(&s);
    CHECK(s.status == ERR_OK && s.values == 4, "all four are heard: %u", s.values);
    kit_close(&s.k);
    open_scene(&s, 4);
    s.silent = s.near[0];
    s.holders = 4;
    CHECK(dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 3, &s.k.fx) == ERR_OK, "a get of three");
    answer_all(&s);
    for (uint32_t i = 0; i < 2 && s.status == ERR_LATER; i++) {
        kit_due(&s.k);
        answer_all(&s);
    }
    CHECK(s.status == ERR_OK && s.values == 3, "needs no fourth: %u", s.values);
    kit_close(&s.k);
    open_scene(&s, 4);
    s.silent = s.near[0];
    s.holders = 4;
    doubt(&s, s.near[0]);
    CHECK(dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 4, &s.k.fx) == ERR_OK, "who is to see every put that was done");
    answer_all(&s);
    CHECK(s.status == ERR_LATER, "waits for one that was silent, too: %s", err_name(s.status));
    kit_close(&s.k);
    open_scene(&s, PEERS);
    s.silent = s.near[0];
    s.holders = 3;
    doubt(&s, s.near[0]);
    CHECK(dht_core_get(s.k.d, s.k.now_us, 1, &s.r.r.key, 3, &s.k.fx) == ERR_OK, "a get of three of eight, of whom one was silent the last time");
    answer_all(&s);
    CHECK(s.status == ERR_OK && s.values == 2, "does not: %s, %u", err_name(s.status), s.values);
    kit_close(&s.k);
}

/* Who is told that a put is done need not wait for the late; they get it all the same. */
static void who_is_late_gets_what_was_put(void)
{
    struct scene s;

    open_scene(&s, PEERS);
    s.silent = s.near[0];
    CHECK(dht_core_put(s.k.d, s.k.now_us, 1, &s.r.r, NULL, &s.k.fx) == ERR_OK, "a put");
    answer_all(&s);
    kit_due(&s.k); /* it is late */
    answer_all(&s);
    CHECK(s.status == ERR_OK && s.stored == DHT_REPLICAS, "done without it, %u have it", s.stored);
    uint32_t stored = s.stored;
    answer(&s, s.near[0], &s.unanswered);
    CHECK(kit_sent(&s.k, DHT_PACKET_STORE, s.near[0], NULL, NULL) == 1, "it gets it when it answers");
    answer_all(&s);
    kit_wait(&s.k, 11000 * MS);
    CHECK(stored == DHT_REPLICAS && s.k.d->wishes == 0, "nothing is left of it");
    kit_close(&s.k);
}

/* … unless others need its place. */
static void what_goes_on_gives_way(void)
{
    struct scene s;

    open_scene(&s, PEERS);
    s.silent = s.near[0];
    for (uint64_t wish = 1; wish <= 4; wish++) {
        CHECK(dht_core_put(s.k.d, s.k.now_us, wish, &s.r.r, NULL, &s.k.fx) == ERR_OK, "put %u", (unsigned)wish);
        for (uint32_t i = 0; i < 4 && s.status == ERR_LATER; i++) {
            answer_all(&s);
            kit_due(&s.k);
        }
        CHECK(s.status == ERR_OK && s.k.d->wishes <= 2, "it is done, and there are places for two: %u", s.k.d->wishes);
        s.status = ERR_LATER;
    }
    CHECK(s.k.d->wishes == 2, "the last two go on");
    CHECK(dht_core_get(s.k.d, s.k.now_us, 5, &s.r.r.key, 1, &s.k.fx) == ERR_OK, "a get has the place of one");
    s.silent = NOBODY;
    kit_close(&s.k);
}

static void place(struct dht_wish *w, uint32_t who)
{
    struct dht_candidate c = {.who = kit_contact(who), .id = kit_id(who), .ask = DHT_ASK_ANSWERED};
    uint32_t at = w->count;

    while (at > 0 && dht_id_is_nearer(&w->target, &c.id, &w->candidate[at - 1].id)) {
        at--;
    }
    if (at < DHT_REPLICAS) {
        w->count += w->count < DHT_REPLICAS;
        memmove(&w->candidate[at + 1], &w->candidate[at], (w->count - 1 - at) * sizeof c);
        w->candidate[at] = c;
    }
}

/* The nearest of 400 are all that is there; the nearest of a tenth of them, who name nobody else, are not, and a put looks on. Where
 * the own table has room it would know of others. */
static void who_is_far_apart_is_not_all_that_is_there(void)
{
    static struct dht_wish w;
    const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};
    struct dht_config c = kit_config();
    struct kit k;

    c.peers_max = 256;
    kit_open_as(&k, &c);
    for (uint32_t i = 0; i < 400; i++) {
        (void)kit_hear(&k, i, &ping);
    }
    for (uint32_t target = 0, each = 1; target < 8; target += each == 10, each = each == 1 ? 10 : 1) {
        w = (struct dht_wish){.kind = DHT_WISH_PUT, .paths = 4, .target = kit_id(kit_with_prefix(0, target))};
        for (uint32_t i = 0; i < 400; i += each) {
            place(&w, i);
        }
        CHECK(w.count == DHT_REPLICAS && dht_search_is_thin(k.d, &w) == (each == 10), "target %u, one in %u", target, each);
    }
    w.target = k.d->id;
    CHECK(!dht_search_is_thin(k.d, &w), "around itself it knows all");
    kit_close(&k);
}

/* ---- before any round trip is known ------------------------------------------------------------------ */

/* The first put ever of a node: four holders answer after 50 ms, so four that do not are late long before the 300 ms that a request is
 * given about which nothing is known. */
static void who_answers_first_tells_how_long_to_wait(void)
{
    enum { MEMBERS = 16, RTT_MS = 50 };
    struct kit k;
    struct kit_record r;
    uint64_t begun_us;

    kit_open(&k, MEMBERS);
    for (uint32_t i = 0; i == 0 || dht_table_is_holder(k.d, &r.r.key, DHT_REPLICAS); i++) {
        kit_immutable(&r, i, 20, HOUR_MS);
    }
    begun_us = k.now_us;
    CHECK(dht_core_put(k.d, k.now_us, 1, &r.r, NULL, &k.fx) == ERR_OK && k.fx.sends == DHT_REPLICAS, "all are asked");
    const struct dht_effects fx = k.fx;
    k.now_us += RTT_MS * MS;
    for (uint32_t i = 0; i < DHT_REPLICAS / 2; i++) {
        struct dht_message m;
        REQUIRE(dht_packet_read(fx.send[i].packet.bytes, fx.send[i].packet.size, &m) == ERR_OK, "a STORE");
        struct dht_message out = kit_answer(&m, DHT_PACKET_STORED);
        out.status = DHT_STATUS_OK;
        CHECK(kit_hear(&k, bytes_get_be32(fx.send[i].to.byte), &out) == ERR_OK, "an answer");
        CHECK(kit_sent(&k, DHT_PACKET_STORE, NOBODY, NULL, NULL) == 0, "nobody else yet");
    }
    while (kit_sent(&k, DHT_PACKET_STORE, NOBODY, NULL, NULL) == 0) {
        kit_due(&k);
    }
    uint64_t ms = (k.now_us - begun_us) / MS;
    CHECK(ms > RTT_MS && ms <= 3 * RTT_MS, "others are asked after %llu ms", (unsigned long long)ms);
    kit_close(&k);
}

/* A get asks one holder; the first ever two, for how long one may take is not known. */
static void the_first_get_asks_two(void)
{
    for (uint32_t knows = 0; knows < 2; knows++) {
        struct kit k;
        struct kit_record r;
        kit_open(&k, 16);
        k.d->typical_us = knows * 50 * MS;
        for (uint32_t i = 0; i == 0 || dht_table_is_holder(k.d, &r.r.key, DHT_REPLICAS); i++) {
            kit_immutable(&r, i, 20, HOUR_MS);
        }
        CHECK(dht_core_get(k.d, k.now_us, 1, &r.r.key, 1, &k.fx) == ERR_OK, "a get");
        CHECK(k.fx.sends == 2 - knows, "%u are asked", k.fx.sends);
        kit_close(&k);
    }
}

/* After one round trip RFC 6298 waits for three; somebody else is asked as early as the others' round trips say. */
static void one_round_trip_is_no_reason_to_wait_for_three(void)
{
    struct kit k;

    kit_open(&k, 2);
    struct dht_peer *p = &k.d->peer[0], *often = &k.d->peer[1];
    for (uint32_t i = 0; i < 40; i++) {
        dht_table_rtt(k.d, often, 50 * MS);
    }
    dht_table_rtt(k.d, p, 50 * MS);
    CHECK(dht_table_timeout_us(k.d, p) == 150 * MS, "it is asked again after %llu us", (unsigned long long)dht_table_timeout_us(k.d, p));
    CHECK(dht_table_late_us(k.d, p) == 62500, "somebody else after %llu", (unsigned long long)dht_table_late_us(k.d, p));
    dht_table_rtt(k.d, p, 90 * MS);
    CHECK(dht_table_late_us(k.d, p) == dht_table_timeout_us(k.d, p), "once it has varied, that counts");
    p->srtt_us = 0;
    dht_core_rtt(k.d, &p->node, 50 * MS);
    CHECK(dht_table_timeout_us(k.d, p) == 150 * MS, "what was told is not measured");
    CHECK(dht_table_late_us(k.d, p) == 75 * MS, "half as long again as a coordinate says: %llu", (unsigned long long)dht_table_late_us(k.d, p));
    kit_close(&k);
}

int main(void)
{
    who_answers_first_tells_how_long_to_wait();
    the_first_get_asks_two();
    one_round_trip_is_no_reason_to_wait_for_three();
    who_was_silent_is_asked_and_not_waited_for();
    who_owes_an_answer_is_not_waited_for();
    where_all_were_silent_they_are_waited_for();
    who_waited_for_some_asks_one_more_than_always();
    who_is_late_is_waited_for_where_it_counts();
    who_is_late_is_waited_for_where_several_are_heard();
    who_is_late_gets_what_was_put();
    what_goes_on_gives_way();
    who_is_far_apart_is_not_all_that_is_there();
    return CHECK_RESULT();
}
