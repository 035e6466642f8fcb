/* Claims about wishes, traced packet by packet: who is asked when, what ends a wish and how, what strangers get. */
#include <string.h>

#include "dht/call.h"
#include "dht/store.h"
#include "dht/table.h"
#include "tests/unit/dht/kit.h"

enum { MS = 1000, SECOND = 1000000, HOUR_MS = 3600000, MEMBERS = 30 };

/* A core with members whose round trips are known: of number i, i + 10 ms. */
static void open_measured(struct kit *k)
{
    kit_open(k, MEMBERS);
    for (uint32_t i = 0; i < MEMBERS; i++) {
        struct dht_id id = kit_id(i);
        for (int n = 0; n < 50; n++) {
            dht_table_rtt(k->d, dht_table_find(k->d, &id), (i + 10) * MS);
        }
    }
}

/* An immutable record for which this node is no holder itself. */
static void far_record(const struct kit *k, struct kit_record *r, uint32_t first)
{
    do {
        kit_immutable(r, first++, 20, HOUR_MS);
    } while (dht_table_is_holder(k->d, &r->r.key, DHT_REPLICAS));
}

static uint32_t number_of(const struct dht_node *node)
{
    return (uint32_t)node->byte[0] << 24 | (uint32_t)node->byte[1] << 16 | (uint32_t)node->byte[2] << 8 | node->byte[3];
}

static enum err begin_get(struct kit *k, const struct kit_record *r, uint32_t reads)
{
    return dht_core_get(k->d, k->now_us, 1, &r->r.key, reads, &k->fx);
}

static void values(struct kit *k, uint32_t from, const struct dht_message *question, const struct kit_record *r)
{
    struct dht_message m = kit_answer(question, DHT_PACKET_VALUES);

    m.count = 1;
    m.record[0] = (struct dht_packet_record){.left_ms = HOUR_MS, .size = (uint16_t)r->size, .bytes = r->bytes};
    CHECK(kit_hear(k, from, &m) == ERR_OK, "an answer is read");
}

static void absent(struct kit *k, uint32_t from, const struct dht_message *question)
{
    struct dht_message m = kit_answer(question, DHT_PACKET_NODES);

    m.flags = DHT_FLAG_ABSENT;
    CHECK(kit_hear(k, from, &m) == ERR_OK, "an answer is read");
}

static void a_get_asks_the_nearest_in_time(void)
{
    struct kit k;
    struct kit_record r;
    struct dht_message m;
    uint16_t near[DHT_REPLICAS];
    uint32_t to = 0, best = UINT32_MAX;

    open_measured(&k);
    far_record(&k, &r, 0);
    uint32_t count = dht_table_nearest(k.d, &r.r.key, near, DHT_REPLICAS);
    for (uint32_t i = 0; i < count; i++) {
        best = k.d->peer[near[i]].srtt_us < best ? k.d->peer[near[i]].srtt_us : best;
    }
    CHECK(begin_get(&k, &r, 1) == ERR_OK && kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, &m, &to) == 1, "one is asked");
    CHECK((to + 10) * MS == best, "the nearest of the holders in time");
    values(&k, to, &m, &r);
    CHECK(k.fx.found_count == 1 && k.fx.found[0].record.value_size == 20, "it has it");
    CHECK(k.fx.done_count == 1 && k.fx.done[0].status == ERR_OK && k.fx.done[0].asked == 1 && k.fx.done[0].hops == 1, "done");
    CHECK(k.d->wishes == 0 && k.d->calls == 0, "nothing is left of it");
    values(&k, to, &m, &r);
    CHECK(k.fx.found_count == 0 && k.d->counters.unasked == 1, "an answer that nobody waits for");
    kit_close(&k);
}

/* Of the holders that are known, whoever was heard within the minute answers a round trip after it is asked; a stranger, or
 * one that has become one again, after three and some computing. */
static void a_get_asks_acquaintances_first(void)
{
    enum { LAST = DHT_REPLICAS - 1 };
    const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};

    for (uint32_t row = 0; row < 4; row++) {
        bool acquaints = row % 2 == 1, is_whole = row >= 2;
        struct kit k;
        struct kit_record r;
        struct dht_config c = kit_config();
        uint16_t near[DHT_REPLICAS];
        c.tuning.acquaints = acquaints;
        kit_open_as(&k, &c);
        for (uint32_t i = 0; i < MEMBERS; i++) {
            struct dht_contact who = kit_contact(i);
            CHECK(kit_hear(&k, i, &ping) == ERR_OK, "somebody is there");
            if (is_whole) {
                dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
            }
        }
        far_record(&k, &r, 0);
        REQUIRE(dht_table_nearest(k.d, &r.r.key, near, DHT_REPLICAS) == DHT_REPLICAS, "holders");
        uint32_t known = number_of(&k.d->peer[near[LAST]].node);
        k.now_us += (DHT_ACQUAINTED_MS + 1000) * (uint64_t)MS;
        CHECK(kit_hear(&k, known, &ping) == ERR_OK, "the last of them is heard again");
        k.d->typical_us = 30 * MS;
        CHECK(begin_get(&k, &r, 1) == ERR_OK, "a get");
        uint32_t asked = kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, NULL, NULL), is_asked = kit_sent(&k, DHT_PACKET_GET, known, NULL, NULL);
        CHECK(asked == (is_whole ? 1u : DHT_ALPHA) && is_asked == acquaints, "row %u: %u asked, it %u times", row, asked, is_asked);
        kit_close(&k);
    }
}

/* Where the first word with somebody waits for an acquaintance its round trip is no peer's: it is waited for three times as
 * long, and not measured; with one whose acquaintance was made too long ago as with one that was never heard. */
static void an_acquaintance_is_no_round_trip(void)
{
    enum { RTT_US = 30 * MS };
    static const struct {
        bool acquaints;
        uint32_t silent_ms;
        bool is_first;
    } rows[] = {{false, DHT_ACQUAINTED_MS + 1000, false}, {true, 1000, false}, {true, DHT_ACQUAINTED_MS - 1000, false},
                {true, DHT_ACQUAINTED_MS + 1000, true}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};
        struct dht_id id = kit_id(1);
        struct dht_config c = kit_config();
        struct dht_message m;
        struct kit_record r;
        struct kit k;
        c.tuning.acquaints = rows[i].acquaints;
        kit_open_as(&k, &c);
        CHECK(kit_hear(&k, 1, &ping) == ERR_OK, "somebody is there");
        for (int n = 0; n < 50; n++) {
            dht_table_rtt(k.d, dht_table_find(k.d, &id), RTT_US);
        }
        uint32_t before_us = dht_table_find(k.d, &id)->srtt_us;
        uint64_t usual_us = dht_table_timeout_us(k.d, dht_table_find(k.d, &id));
        kit_immutable(&r, 1, 20, HOUR_MS);
        k.now_us += rows[i].silent_ms * (uint64_t)MS;
        CHECK(begin_get(&k, &r, 1) == ERR_OK && kit_sent(&k, DHT_PACKET_GET, 1, &m, NULL) == 1, "it is asked");
        uint64_t patience_us = dht_call_due_us(k.d) - k.now_us;
        CHECK(patience_us == (rows[i].is_first ? 3 : 1) * usual_us, "row %zu: waited for %llu us", i, (unsigned long long)patience_us);
        k.now_us += 3 * RTT_US;
        absent(&k, 1, &m);
        uint32_t after_us = dht_table_find(k.d, &id)->srtt_us;
        CHECK((after_us == before_us) == rows[i].is_first, "row %zu: %u us, then %u", i, before_us, after_us);
        kit_close(&k);
    }
}

/* Whoever has what ended on the way here has nothing: the others are asked, and a get is not done with it. */
static void what_ended_on_the_way_is_not_found(void)
{
    struct kit k;
    struct kit_record r;
    struct dht_message m;
    uint32_t to = 0;

    open_measured(&k);
    far_record(&k, &r, 0);
    CHECK(begin_get(&k, &r, 1) == ERR_OK && kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, &m, &to) == 1, "one is asked");
    struct dht_message out = kit_answer(&m, DHT_PACKET_VALUES);
    out.count = 1;
    out.record[0] = (struct dht_packet_record){.left_ms = 3, .size = (uint16_t)r.size, .bytes = r.bytes};
    k.now_us += 9 * MS;
    CHECK(kit_hear(&k, to, &out) == ERR_OK && k.fx.found_count == 0 && k.fx.done_count == 0, "its end was on the way");
    CHECK(kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, &m, &to) == DHT_ALPHA, "others are asked");
    values(&k, to, &m, &r);
    CHECK(k.fx.found_count == 1 && k.fx.done_count == 1 && k.fx.done[0].status == ERR_OK, "one of them has it");
    kit_close(&k);
}

/* A copy is left with somebody who had none and gave a token: others would refuse it. Whoever had what ended on the way gave
 * none. */
static void a_copy_goes_to_whom_it_may(void)
{
    for (uint64_t token = 0; token < 2; token++) {
        const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};
        struct dht_config c = kit_config();
        struct dht_message question[3], out, store = {0};
        struct kit_record r;
        struct kit k;
        uint32_t to = UINT32_MAX;
        kit_open_as(&k, &c);
        for (uint32_t i = 0; i < 3; i++) {
            CHECK(kit_hear(&k, i, &ping) == ERR_OK, "somebody is there");
        }
        kit_immutable(&r, 1, 20, HOUR_MS);
        CHECK(begin_get(&k, &r, 1) == ERR_OK, "a get");
        for (uint32_t i = 0; i < 3; i++) {
            REQUIRE(kit_sent(&k, DHT_PACKET_GET, i, &question[i], NULL) == 1, "%u is asked", i);
        }
        k.now_us += 9 * MS;
        out = kit_answer(&question[0], DHT_PACKET_VALUES);
        out.count = 1;
        out.record[0] = (struct dht_packet_record){.left_ms = 3, .size = (uint16_t)r.size, .bytes = r.bytes};
        CHECK(kit_hear(&k, 0, &out) == ERR_OK && k.fx.found_count == 0, "its end was on the way");
        out = kit_answer(&question[1], DHT_PACKET_NODES);
        out.flags = DHT_FLAG_ABSENT;
        out.token = token;
        CHECK(kit_hear(&k, 1, &out) == ERR_OK, "another has none");
        values(&k, 2, &question[2], &r);
        CHECK(k.fx.found_count == 1, "the third has it");
        uint32_t copies = kit_sent(&k, DHT_PACKET_STORE, UINT32_MAX, &store, &to);
        CHECK(copies == token && (copies == 0 || (to == 1 && store.token == token && (store.flags & DHT_FLAG_CACHE) != 0)),
              "token %u: %u copies, to %u", (unsigned)token, copies, to);
        kit_close(&k);
    }
}

static void a_late_answer_has_a_second_request_beside_it(void)
{
    struct kit k;
    struct kit_record r;
    struct dht_message first, second;
    uint32_t to, next = 0;

    open_measured(&k);
    far_record(&k, &r, 0);
    CHECK(begin_get(&k, &r, 1) == ERR_OK, "a get");
    (void)kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, &first, &to);
    struct dht_id id = kit_id(to);
    uint64_t late_us = dht_table_late_us(k.d, dht_table_find(k.d, &id)), begun_us = k.now_us;
    uint64_t patience_us = dht_table_timeout_us(k.d, dht_table_find(k.d, &id));
    kit_due(&k);
    CHECK(k.now_us == begun_us + late_us && late_us < patience_us, "its time is %lu us", (unsigned long)late_us);
    CHECK(kit_sent(&k, DHT_PACKET_GET, to, NULL, NULL) == 0, "it is not asked again as soon");
    CHECK(kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, NULL, NULL) == 1, "but one other is");
    for (uint32_t i = 0; i < k.fx.sends; i++) {
        struct dht_message m;
        CHECK(dht_packet_read(k.fx.send[i].packet.bytes, k.fx.send[i].packet.size, &m) == ERR_OK, "a packet");
        if (m.txn != first.txn) {
            second = m;
            next = number_of(&k.fx.send[i].to);
        }
    }
    values(&k, next, &second, &r);
    CHECK(k.fx.done_count == 1 && k.fx.done[0].status == ERR_OK && k.d->counters.hedges == 1, "whoever answers first");
    kit_close(&k);
}

static void who_is_late_is_asked_again_in_time(void)
{
    struct kit k;
    struct kit_record r;
    uint32_t to;

    open_measured(&k);
    far_record(&k, &r, 0);
    CHECK(begin_get(&k, &r, 1) == ERR_OK, "a get");
    (void)kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, NULL, &to);
    struct dht_id id = kit_id(to);
    uint64_t patience_us = dht_table_timeout_us(k.d, dht_table_find(k.d, &id)), begun_us = k.now_us;
    do {
        kit_due(&k);
    } while (kit_sent(&k, DHT_PACKET_GET, to, NULL, NULL) == 0 && k.now_us < begun_us + 2 * patience_us);
    CHECK(k.now_us == begun_us + patience_us && patience_us == DHT_TIMEOUT_LEAST_US, "after %lu us, not %lu", (unsigned long)patience_us,
          (unsigned long)(k.now_us - begun_us));
    kit_close(&k);
}

/* Answer all questions of a get until it ends. have: so many of the holders have the record; silent: … do not answer. */
static enum err ask_all(uint32_t have, uint32_t silent, uint32_t reads, uint32_t *ret_found)
{
    struct kit k;
    struct kit_record r;
    uint32_t answered[MEMBERS] = {0}, next = 0;

    open_measured(&k);
    far_record(&k, &r, 0);
    CHECK(begin_get(&k, &r, reads) == ERR_OK, "a get");
    *ret_found = 0;
    for (int turn = 0; turn < 400; turn++) {
        struct dht_effects fx = k.fx;
        *ret_found += fx.found_count;
        if (fx.done_count > 0) {
            kit_close(&k);
            return fx.done[0].status;
        }
        for (uint32_t i = 0; i < fx.sends && k.d->wishes > 0; i++) {
            struct dht_message m;
            uint32_t who = (uint32_t)fx.send[i].to.byte[2] << 8 | fx.send[i].to.byte[3];
            CHECK(dht_packet_read(fx.send[i].packet.bytes, fx.send[i].packet.size, &m) == ERR_OK, "a packet");
            answered[who] = answered[who] == 0 ? ++next : answered[who];
            if (answered[who] <= silent) {
                continue;
            }
            if (answered[who] <= silent + have) {
                values(&k, who, &m, &r);
            } else {
                absent(&k, who, &m);
            }
            *ret_found += k.fx.found_count;
            if (k.fx.done_count > 0) {
                enum err e = k.fx.done[0].status;
                kit_close(&k);
                return e;
            }
        }
        if (k.fx.sends == 0 || turn % 2 == 1) {
            kit_due(&k);
        }
    }
    kit_close(&k);
    return ERR_LATER;
}

static void gets_end_with_what_is_known(void)
{
    static const struct {
        uint32_t have, silent, reads;
        enum err e;
        uint32_t found;
        const char *why;
    } rows[] = {
        {8, 0, 1, ERR_OK, 1, "the first has it"},
        {1, 3, 1, ERR_OK, 1, "three are silent, the fourth has it"},
        {0, 0, 1, ERR_NOT_FOUND, 0, "nobody has it"},
        {0, 3, 1, ERR_NOT_FOUND, 0, "three are silent, five have none: a majority"},
        {0, 30, 1, ERR_TIMEOUT, 0, "nobody answers: nobody knows"},
        {4, 0, 4, ERR_OK, 4, "four are to answer and do"},
        {2, 0, 4, ERR_OK, 2, "two of them have it: no more is known"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t found;
        enum err e = ask_all(rows[i].have, rows[i].silent, rows[i].reads, &found);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK(found == rows[i].found, "row %zu: %s: %u found", i, rows[i].why, found);
    }
}

static void nothing_forged_is_found(void)
{
    struct kit k;
    struct kit_record r, other;
    struct dht_message m;
    uint32_t to = 0;

    open_measured(&k);
    far_record(&k, &r, 0);
    kit_immutable(&other, 7777, 20, HOUR_MS);
    CHECK(begin_get(&k, &r, 1) == ERR_OK && kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, &m, &to) == 1, "a get");
    values(&k, to, &m, &other);
    CHECK(k.fx.found_count == 0 && k.fx.done_count == 0 && k.d->counters.forged == 1, "another value is none");
    CHECK(kit_sent(&k, DHT_PACKET_GET, UINT32_MAX, &m, &to) == 1, "the next is asked");
    m.txn ^= 0x10000;
    values(&k, to, &m, &r);
    CHECK(k.fx.found_count == 0 && k.d->counters.unasked == 1, "an answer to something else");
    m.txn ^= 0x10000;
    values(&k, (to + 1) % MEMBERS, &m, &r);
    CHECK(k.fx.found_count == 0 && k.d->counters.unasked == 2, "an answer of somebody else");
    values(&k, to, &m, &r);
    CHECK(k.fx.found_count == 1, "the right one");
    kit_close(&k);
}

/* ---- the next life ----------------------------------------------------------------------------------- */

/* Whoever ends last of all has nobody who answers, and is to find them again. */
static void who_does_not_answer_is_saved_last(void)
{
    struct dht_contact to[DHT_SAVED_MAX];
    struct dht_node first = kit_contact(0).node;
    struct dht_id id = kit_id(0);
    struct kit k;

    kit_open(&k, 3);
    struct dht_peer *p = dht_table_find(k.d, &id);
    REQUIRE(p != NULL, "a member");
    p->fails = 1;
    p->heard = UINT32_MAX; /* heard last of all */
    CHECK(dht_core_save(k.d, to, DHT_SAVED_MAX) == 3 && dht_id_same_node(&to[2].node, &first), "it comes last");
    CHECK(dht_core_save(k.d, to, 2) == 2 && !dht_id_same_node(&to[0].node, &first) && !dht_id_same_node(&to[1].node, &first), "and gives way");
    kit_close(&k);
}

/* ---- puts ------------------------------------------------------------------------------------------ */

static void stored(struct kit *k, uint32_t from, uint32_t txn, enum dht_status status, uint64_t seq, uint64_t token)
{
    struct dht_message m = {.kind = DHT_PACKET_STORED, .txn = txn, .status = status, .seq = seq, .token = token};

    CHECK(kit_hear(k, from, &m) == ERR_OK, "an answer is read");
}

/* Of 8 holders `ok` have it, `status` say the others; the status of the end. */
static enum err put(uint32_t ok, enum dht_status status, const uint64_t *expected, uint64_t *ret_seq)
{
    struct kit k;
    struct kit_record r;
    enum err e = ERR_LATER;

    open_measured(&k);
    far_record(&k, &r, 0);
    CHECK(dht_core_put(k.d, k.now_us, 1, &r.r, expected, &k.fx) == ERR_OK, "a put");
    CHECK(kit_sent(&k, DHT_PACKET_STORE, UINT32_MAX, NULL, NULL) == DHT_REPLICAS, "all holders are asked at once");
    for (uint32_t turn = 0; turn < 40 && e == ERR_LATER; turn++) {
        struct dht_effects fx = k.fx;
        for (uint32_t i = 0; i < fx.sends && e == ERR_LATER; i++) {
            struct dht_message m;
            uint32_t who = (uint32_t)fx.send[i].to.byte[2] << 8 | fx.send[i].to.byte[3];
            CHECK(dht_packet_read(fx.send[i].packet.bytes, fx.send[i].packet.size, &m) == ERR_OK, "a packet");
            CHECK(((m.flags & DHT_FLAG_CAS) != 0) == (expected != NULL), "what is expected is said");
            stored(&k, who, m.txn, ok > 0 ? DHT_STATUS_OK : status, 9, 0);
            ok -= ok > 0;
            e = k.fx.done_count > 0 ? k.fx.done[0].status : e;
            *ret_seq = k.fx.done_count > 0 ? k.fx.done[0].seq : 0;
        }
        kit_due(&k);
        e = e == ERR_LATER && k.fx.done_count > 0 ? k.fx.done[0].status : e;
    }
    kit_close(&k);
    return e;
}

static void puts_end_with_a_majority(void)
{
    static const struct {
        uint32_t ok;
        enum dht_status status;
        bool expects;
        enum err e;
        const char *why;
    } rows[] = {
        {8, DHT_STATUS_OK, false, ERR_OK, "all"},
        {5, DHT_STATUS_OLDER, false, ERR_OK, "five of eight"},
        {4, DHT_STATUS_OLDER, false, ERR_ABORTED, "four, and a higher sequence is held"},
        {0, DHT_STATUS_QUOTA, false, ERR_LIMIT, "no room anywhere"},
        {0, DHT_STATUS_FULL, false, ERR_LIMIT, "no room at all"},
        {0, DHT_STATUS_CAS, true, ERR_PRECONDITION, "something else is held"},
        {0, DHT_STATUS_REFUSED, false, ERR_RANGE, "it is over, they say"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const uint64_t expected = 0;
        uint64_t seq = 0;
        enum err e = put(rows[i].ok, rows[i].status, rows[i].expects ? &expected : NULL, &seq);
        CHECK(e == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(e));
        CHECK(e != ERR_ABORTED || seq == 9, "what is held is told");
    }
}

/* Whoever holds a record itself says as the others do what it holds instead. */
static void the_own_store_tells_what_it_holds(void)
{
    struct kit k;
    struct kit_record r;
    const uint64_t none = 0;

    kit_open(&k, 0);
    for (uint64_t seq = 9; seq >= 8; seq--) {
        for (uint32_t turn = 0; turn < 2; turn++) {
            kit_signed(&r, DHT_MUTABLE, 1, "name", seq == 9 ? "a" : "b", seq, 60000);
            CHECK(dht_core_put(k.d, k.now_us, 1, &r.r, turn == 0 ? NULL : &none, &k.fx) == ERR_OK && k.fx.done_count == 1, "a put");
            enum err e = seq == 9 ? ERR_OK : turn == 0 ? ERR_ABORTED : ERR_PRECONDITION;
            CHECK(k.fx.done[0].status == e && k.fx.done[0].seq == 9, "%llu: %s, held %llu", (unsigned long long)seq,
                  err_name(k.fx.done[0].status), (unsigned long long)k.fx.done[0].seq);
        }
    }
    kit_close(&k);
}

static void a_token_is_asked_for_once(void)
{
    struct kit k;
    struct kit_record r;
    struct dht_message m;
    uint32_t to;

    open_measured(&k);
    far_record(&k, &r, 0);
    CHECK(dht_core_put(k.d, k.now_us, 1, &r.r, NULL, &k.fx) == ERR_OK, "a put");
    (void)kit_sent(&k, DHT_PACKET_STORE, UINT32_MAX, &m, &to);
    stored(&k, to, m.txn, DHT_STATUS_TOKEN, 0, 4711);
    CHECK(kit_sent(&k, DHT_PACKET_STORE, to, &m, NULL) == 1 && m.token == 4711, "again, with it");
    uint32_t again = 1;
    for (; again < 2 * DHT_TOKENS_MAX && kit_sent(&k, DHT_PACKET_STORE, to, &m, NULL) == 1; again++) {
        stored(&k, to, m.txn, DHT_STATUS_TOKEN, 0, 4711 + again);
    }
    CHECK(again == DHT_TOKENS_MAX + 1, "but not for ever: %u times", again);
    kit_close(&k);
}

/* ---- limits ---------------------------------------------------------------------------------------- */

static void wishes_have_limits(void)
{
    struct kit k;
    struct kit_record r;

    open_measured(&k);
    far_record(&k, &r, 0);
    CHECK(dht_core_get(k.d, k.now_us, 1, &r.r.key, 1, &k.fx) == ERR_OK, "one");
    CHECK(dht_core_put(k.d, k.now_us, 2, &r.r, NULL, &k.fx) == ERR_OK, "two");
    CHECK(dht_core_get(k.d, k.now_us, 3, &r.r.key, 1, &k.fx) == ERR_LIMIT && k.fx.sends == 0, "one more");
    CHECK(dht_core_put(k.d, k.now_us, 3, &r.r, NULL, &k.fx) == ERR_LIMIT, "of any kind");
    dht_core_cancel(k.d, 3);
    CHECK(k.d->wishes == 2, "who is unknown cannot be cancelled");
    dht_core_cancel(k.d, 1);
    CHECK(dht_core_get(k.d, k.now_us, 3, &r.r.key, 1, &k.fx) == ERR_OK, "its place is free");
    struct dht_record bad = r.r;
    bad.left_ms = DHT_TTL_LEAST_MS - 1;
    CHECK(dht_core_put(k.d, k.now_us, 4, &bad, NULL, &k.fx) == ERR_INVALID, "too short a life");
    bad.left_ms = DHT_TTL_MOST_MS + 1u;
    CHECK(dht_core_put(k.d, k.now_us, 4, &bad, NULL, &k.fx) == ERR_INVALID, "too long a one");
    bad.left_ms = HOUR_MS;
    bad.value_size = DHT_VALUE_MAX + 1;
    CHECK(dht_core_put(k.d, k.now_us, 4, &bad, NULL, &k.fx) == ERR_LIMIT, "too long a value");
    kit_wait(&k, 11 * SECOND);
    CHECK(k.d->wishes == 0 && k.d->calls == 0, "every wish ends");
    kit_close(&k);
}

/* Somebody is there, and nobody of them is known (yet, or any more): that is no word about values. */
static void who_knows_nobody_denies_nothing(void)
{
    enum { WAIT_US = 3 * SECOND, DOOR = 5 };
    static const struct {
        bool asks, is_answered, is_left, is_said;
        enum err e;
        const char *why;
    } rows[] = {
        {true, false, false, false, ERR_UNAVAILABLE, "the way in was asked for, and nobody answered"},
        {true, true, false, false, ERR_NOT_FOUND, "who answered has none"},
        {false, true, false, true, ERR_NOT_FOUND, "who asked something has none"},
        {false, false, true, false, ERR_UNAVAILABLE, "all that were there are silent"},
        {false, false, false, true, ERR_UNAVAILABLE, "there is somebody, as was told"},
        {false, false, false, false, ERR_NOT_FOUND, "there is nobody else"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dht_config c = kit_config();
        struct kit k;
        struct kit_record r;
        struct dht_message m, ping = {.kind = DHT_PACKET_PING, .txn = 3}, out;
        struct dht_contact door = kit_contact(DOOR);
        struct dht_id id = kit_id(DOOR);
        bool has_node = false;

        kit_open_as(&k, &c);
        kit_immutable(&r, 1, 10, HOUR_MS);
        dht_core_company(k.d, rows[i].is_said);
        CHECK(!rows[i].asks || dht_core_bootstrap(k.d, k.now_us, &door, &has_node, 1, &k.fx) == ERR_OK, "row %zu", i);
        if (rows[i].is_left) {
            CHECK(kit_hear(&k, DOOR, &ping) == ERR_OK && k.d->peers.count == 1, "row %zu: it was there", i);
            dht_table_remove(k.d, &id);
        }
        CHECK(begin_get(&k, &r, 1) == ERR_OK, "row %zu", i);
        bool is_alone = !rows[i].asks && !rows[i].is_left && !rows[i].is_said;
        CHECK(k.fx.done_count == is_alone && k.fx.sends == 0, "row %zu: %s: %u ended at once", i, rows[i].why, k.fx.done_count);
        if (rows[i].is_answered) {
            k.now_us += 100 * MS;
            CHECK(kit_hear(&k, DOOR, &ping) == ERR_OK && kit_sent(&k, DHT_PACKET_GET, DOOR, &m, NULL) == 1, "row %zu: it is asked", i);
            out = kit_answer(&m, DHT_PACKET_NODES);
            out.flags = DHT_FLAG_ABSENT;
            CHECK(kit_hear(&k, DOOR, &out) == ERR_OK, "row %zu", i);
        }
        for (uint64_t begun_us = k.now_us; k.fx.done_count == 0 && k.now_us < begun_us + 2 * WAIT_US;) {
            kit_due(&k);
            CHECK(k.fx.done_count == 0 || k.now_us == begun_us + WAIT_US, "row %zu: it waits so long for somebody", i);
        }
        CHECK(k.fx.done_count == 1 && k.fx.done[0].status == rows[i].e, "row %zu: %s: %s", i, rows[i].why, err_name(k.fx.done[0].status));
        kit_close(&k);
    }
}

/* Membership says that the last one is gone: what is held here is all there is. */
static void who_is_left_alone_says_what_it_has(void)
{
    struct kit k;
    struct kit_record r;
    struct dht_contact who = kit_contact(0);

    kit_open(&k, 1);
    dht_core_company(k.d, true);
    kit_immutable(&r, 1, 10, HOUR_MS);
    for (uint32_t i = 0; i < DHT_FAILS_MAX; i++) {
        struct dht_id id = kit_id(0);
        dht_table_failed(k.d, &id);
    }
    CHECK(begin_get(&k, &r, 1) == ERR_OK && k.fx.done_count == 0, "a member is silent, and there");
    dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_GONE, &k.fx);
    CHECK(k.fx.done_count == 1 && k.fx.done[0].status == ERR_NOT_FOUND, "it is gone");
    kit_close(&k);
}

static void alone_it_is_its_own_holder(void)
{
    struct dht_config c = kit_config();
    struct kit k;
    struct kit_record r;

    kit_open_as(&k, &c);
    kit_immutable(&r, 1, 10, HOUR_MS);
    CHECK(begin_get(&k, &r, 1) == ERR_OK && k.fx.done_count == 1 && k.fx.done[0].status == ERR_NOT_FOUND, "nothing yet");
    CHECK(dht_core_put(k.d, k.now_us, 2, &r.r, NULL, &k.fx) == ERR_OK && k.fx.done_count == 1, "a put");
    CHECK(k.fx.done[0].status == ERR_OK && k.fx.done[0].acked == 1 && k.fx.sends == 0, "done at once");
    CHECK(begin_get(&k, &r, 1) == ERR_OK && k.fx.found_count == 1 && k.fx.found[0].is_own, "found here");
    CHECK(k.fx.done_count == 1 && k.fx.done[0].status == ERR_OK && k.fx.done[0].asked == 0, "without a packet");
    kit_close(&k);
}

/* Whatever has no proof of its address: three times what it sent, no place in the table, nothing stored. */
static void strangers_get_little(void)
{
    struct dht_config c = kit_config();
    struct kit k;
    struct dht_contact who = kit_contact(77);
    struct dht_message m = {.kind = DHT_PACKET_FIND, .txn = 5, .most = DHT_K}, out;
    struct dht_packet p;

    kit_open(&k, MEMBERS);
    (void)dht_packet_write(&p, &m, DHT_PACKET_MAX);
    CHECK(dht_core_packet(k.d, k.now_us, 0, &who, false, p.bytes, p.size, &k.fx) == ERR_OK && k.fx.sends == 1, "an answer");
    CHECK(k.fx.send[0].packet.size <= 3 * p.size, "of %u bytes to %u", k.fx.send[0].packet.size, p.size);
    CHECK(kit_sent(&k, DHT_PACKET_NODES, 77, &out, NULL) == 1 && out.count == 1, "with what fits");
    CHECK(k.d->peers.count == MEMBERS, "and is not known for it");
    CHECK(dht_core_packet(k.d, k.now_us, 0, &who, true, p.bytes, p.size, &k.fx) == ERR_OK, "proved");
    CHECK(kit_sent(&k, DHT_PACKET_NODES, 77, &out, NULL) == 1 && out.count == DHT_K, "all of it");
    who.node = c.node;
    CHECK(dht_core_packet(k.d, k.now_us, 0, &who, true, p.bytes, p.size, &k.fx) == ERR_OK && k.fx.sends == 0, "itself");
    kit_close(&k);
}

/* Whoever is named may be asked; a place in the table needs an answer. */
static void the_named_are_not_known(void)
{
    struct dht_config c = kit_config();
    struct kit k;
    struct dht_id target = kit_id(1);
    struct dht_message m = {.kind = DHT_PACKET_PING, .txn = 1}, out;
    uint32_t to;

    kit_open_as(&k, &c);
    CHECK(kit_hear(&k, 50, &m) == ERR_OK && k.d->peers.count == 1, "one is known");
    CHECK(dht_core_find(k.d, k.now_us, 1, &target, &k.fx) == ERR_OK, "a search");
    CHECK(kit_sent(&k, DHT_PACKET_FIND, 50, &out, NULL) == 1, "it is asked");
    m = kit_answer(&out, DHT_PACKET_NODES);
    m.count = 5;
    for (uint32_t i = 0; i < m.count; i++) {
        m.contact[i] = kit_contact(60 + i);
    }
    m.contact[4].node = c.node;
    CHECK(kit_hear(&k, 50, &m) == ERR_OK && k.d->peers.count == 1, "it names others: they are not known for that");
    CHECK(kit_sent(&k, DHT_PACKET_FIND, UINT32_MAX, &out, &to) == DHT_ALPHA && to >= 60 && to < 64, "they are asked");
    m = kit_answer(&out, DHT_PACKET_NODES);
    CHECK(kit_hear(&k, to, &m) == ERR_OK && k.d->peers.count == 2, "who answers is known");
    kit_wait(&k, 11 * SECOND);
    CHECK(k.d->peers.count == 2 && k.d->wishes == 0, "and nobody else");
    kit_close(&k);
}

static void configs_are_checked(void)
{
    struct dht_config good = kit_config(), c;
    struct dht *d;
    void *memory = calloc(2, dht_core_size(&good));

    REQUIRE(memory != NULL, "memory");
    CHECK(dht_core_init(memory, &good, 1, &d) == ERR_OK, "as it is");
#define REFUSED(member, value)                                                                                         \
    c = good;                                                                                                          \
    c.member = (value);                                                                                                \
    CHECK(dht_core_init(memory, &c, 1, &d) == ERR_INVALID, #member)
    REFUSED(peers_max, 0);
    REFUSED(peers_max, DHT_PEERS_MAX + 1);
    REFUSED(records_max, DHT_RECORDS_MAX + 1);
    REFUSED(wishes_max, 0);
    REFUSED(verify, NULL);
    REFUSED(tuning.alpha, 0);
    REFUSED(tuning.paths, DHT_PATHS_MAX + 1);
    REFUSED(tuning.replicas, DHT_K);
    REFUSED(tuning.quorum, DHT_REPLICAS + 1);
    REFUSED(tuning.attempts, 0);
#undef REFUSED
    free(memory);
}

int main(void)
{
    a_get_asks_the_nearest_in_time();
    a_get_asks_acquaintances_first();
    an_acquaintance_is_no_round_trip();
    what_ended_on_the_way_is_not_found();
    a_copy_goes_to_whom_it_may();
    a_late_answer_has_a_second_request_beside_it();
    who_is_late_is_asked_again_in_time();
    gets_end_with_what_is_known();
    nothing_forged_is_found();
    who_does_not_answer_is_saved_last();
    puts_end_with_a_majority();
    the_own_store_tells_what_it_holds();
    a_token_is_asked_for_once();
    wishes_have_limits();
    who_knows_nobody_denies_nothing();
    who_is_left_alone_says_what_it_has();
    alone_it_is_its_own_holder();
    strangers_get_little();
    the_named_are_not_known();
    configs_are_checked();
    return CHECK_RESULT();
}
