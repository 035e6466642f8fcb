/* Claims about upkeep: how often and how thoroughly buckets are looked through, who is asked whether it is there. */
#include <string.h>

#include "common/base/bytes.h"
#include "tests/unit/dht/kit.h"

enum { MINUTE = 60000000, BUCKETS = 3, LOOKS = 64, SILENT_MAX = 4 };

/* One look through a bucket, or at the own place. */
struct look {
    uint64_t at_us;
    struct dht_id target;
    uint32_t bucket, asked, most;
};

/* A core among peers that answer, all but the silent ones, and name nobody. */
struct life {
    struct kit k;
    struct look look[LOOKS];
    uint32_t looks, pings, pinged, silent[SILENT_MAX], silents;
};

static bool is_silent(const struct life *l, uint32_t who)
{
    bool is = false;

    for (uint32_t i = 0; i < l->silents; i++) {
        is = is || l->silent[i] == who;
    }
    return is;
}

static void note(struct life *l, const struct dht_message *m)
{
    struct look *last = l->looks > 0 ? &l->look[l->looks - 1] : NULL;

    if (last == NULL || !dht_id_equal(&last->target, &m->target) || l->k.now_us > last->at_us + MINUTE) {
        REQUIRE(l->looks < LOOKS, "fewer looks");
        last = &l->look[l->looks++];
        *last = (struct look){.at_us = l->k.now_us, .target = m->target, .bucket = dht_id_common(&l->k.d->id, &m->target), .most = m->most};
    }
    last->asked++;
}

/* Hear the answers to all that was sent, and to what is sent for those. */
static void answer(struct life *l)
{
    struct dht_effects fx = l->k.fx;

    for (uint32_t i = 0; i < fx.sends; i++) {
        const struct dht_send *s = &fx.send[i];
        uint32_t who = bytes_get_be32(s->to.byte);
        struct dht_message m;
        REQUIRE(dht_packet_read(s->packet.bytes, s->packet.size, &m) == ERR_OK, "what is sent is a packet");
        l->pings += m.kind == DHT_PACKET_PING;
        l->pinged = m.kind == DHT_PACKET_PING ? who : l->pinged;
        if (m.kind == DHT_PACKET_FIND) {
            note(l, &m);
        }
        if (!is_silent(l, who) && (m.kind == DHT_PACKET_PING || m.kind == DHT_PACKET_FIND)) {
            const struct dht_message out = kit_answer(&m, m.kind == DHT_PACKET_PING ? DHT_PACKET_PONG : DHT_PACKET_NODES);
            CHECK(kit_hear(&l->k, who, &out) == ERR_OK, "an answer");
            answer(l);
        }
    }
}

static void live(struct life *l, uint64_t minutes)
{
    uint64_t until_us = l->k.now_us + minutes * MINUTE;

    while (l->k.fx.due_us <= until_us) {
        kit_due(&l->k);
        answer(l);
    }
    l->k.now_us = until_us;
}

static void meet(struct life *l, uint32_t who)
{
    const struct dht_message ping = {.kind = DHT_PACKET_PING, .txn = 1};

    CHECK(kit_hear(&l->k, who, &ping) == ERR_OK, "somebody is there");
}

/* The first BUCKETS buckets are full, those beyond them have a few. */
static void begin(struct life *l)
{
    memset(l, 0, sizeof *l);
    kit_open(&l->k, 0);
    for (uint32_t bits = 0; bits < BUCKETS; bits++) {
        for (uint32_t i = 0; i < DHT_K; i++) {
            meet(l, kit_with_prefix(bits, i));
        }
    }
    for (uint32_t i = 0; i < 3; i++) {
        meet(l, kit_with_prefix(BUCKETS + i, 0));
    }
}

static const struct look *look_at(const struct life *l, uint32_t bucket, uint32_t number)
{
    for (uint32_t i = 0; i < l->looks; i++) {
        if (l->look[i].bucket == bucket && number-- == 0) {
            return &l->look[i];
        }
    }
    return NULL;
}

static uint32_t minutes_between(const struct life *l, uint32_t bucket, uint32_t number)
{
    const struct look *before = look_at(l, bucket, number), *then = look_at(l, bucket, number + 1);

    return before == NULL || then == NULL ? 0 : (uint32_t)((then->at_us - before->at_us + MINUTE / 2) / MINUTE);
}

static void what_does_not_change_is_looked_through_ever_more_rarely(void)
{
    static const uint32_t gap[] = {20, 40, 60, 60};
    struct life l;

    begin(&l);
    live(&l, 200);
    for (uint32_t bucket = 0; bucket <= BUCKETS; bucket++) {
        uint32_t at = bucket == BUCKETS ? DHT_BITS : bucket;
        const struct look *first = look_at(&l, at, 0), *second = look_at(&l, at, 1);
        CHECK(first != NULL && first->asked == DHT_REPLICAS, "bucket %u: the first time thoroughly", at);
        CHECK(second != NULL && second->asked == DHT_ALPHA && second->most == DHT_REPLICAS, "bucket %u: later a few are asked for a few", at);
        for (uint32_t i = 0; i < ARRAY_LEN(gap); i++) {
            CHECK(minutes_between(&l, at, i) == gap[i], "bucket %u: %u minutes after look %u, not %u", at, gap[i], i, minutes_between(&l, at, i));
        }
    }
    for (uint32_t i = 0; i < l.looks; i++) {
        CHECK(l.look[i].bucket < BUCKETS || l.look[i].bucket == DHT_BITS, "buckets beyond are part of the own place");
    }
    kit_close(&l.k);
}

static uint32_t looks_at(const struct life *l, uint32_t bucket)
{
    uint32_t looks = 0;

    while (look_at(l, bucket, looks) != NULL) {
        looks++;
    }
    return looks;
}

/* Each two hours after the beginning, when an hour would pass until the next look. */
static void a_change_is_a_reason_to_look_soon_and_thoroughly(void)
{
    enum { GONE, SILENT, CAME };
    static const struct {
        uint32_t sign, bucket, minutes;
        const char *name;
    } row[] = {
        {GONE, 1, 11, "membership says that one is gone"},
        {SILENT, 1, 45, "one does not answer: all are asked within half an hour"},
        {CAME, DHT_BITS, 11, "somebody new is near"},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        struct life l;
        begin(&l);
        live(&l, 125);
        CHECK(looks_at(&l, row[i].bucket) == 4 && looks_at(&l, 0) == 4, "%s: after 0, 20, 60 and 120 minutes", row[i].name);
        const struct dht_contact one = kit_contact(kit_with_prefix(1, 0));
        if (row[i].sign == GONE) {
            dht_core_member(l.k.d, l.k.now_us, &one, DHT_MEMBER_GONE, &l.k.fx);
        } else if (row[i].sign == SILENT) {
            l.silent[l.silents++] = kit_with_prefix(1, 0);
        } else {
            meet(&l, kit_with_prefix(BUCKETS + 1, 1));
        }
        live(&l, row[i].minutes);
        const struct look *then = look_at(&l, row[i].bucket, 4);
        CHECK(then != NULL && then->asked >= DHT_REPLICAS, "%s: it is looked through, thoroughly", row[i].name);
        CHECK(looks_at(&l, 0) == 4, "%s: the others are not", row[i].name);
        kit_close(&l.k);
    }
}

static void a_lookup_counts_as_a_look(void)
{
    struct life l;
    struct dht_id target = kit_id(kit_with_prefix(1, 40));

    begin(&l);
    live(&l, 19);
    CHECK(dht_core_find(l.k.d, l.k.now_us, 7, &target, &l.k.fx) == ERR_OK, "somebody looks for something there");
    answer(&l);
    live(&l, 19);
    CHECK(minutes_between(&l, 1, 0) == 19 && look_at(&l, 1, 2) == NULL && minutes_between(&l, 0, 0) == 20, "its bucket is not looked through for that long");
    kit_close(&l.k);
}

static void whoever_was_heard_longest_ago_is_asked(void)
{
    struct life l;
    uint32_t quiet = kit_with_prefix(0, 5);

    begin(&l);
    live(&l, 30);
    uint32_t pings = l.pings;
    for (uint32_t minute = 0; minute < 10; minute++) { /* all but one say something each minute */
        for (uint32_t bits = 0; bits < BUCKETS + 3; bits++) {
            for (uint32_t i = 0; i < (bits < BUCKETS ? (uint32_t)DHT_K : 1u); i++) {
                if (kit_with_prefix(bits, i) != quiet) {
                    meet(&l, kit_with_prefix(bits, i));
                }
            }
        }
        live(&l, 1);
    }
    uint32_t asked = l.pings - pings;
    CHECK(asked > 0 && asked <= 10 && l.pinged == quiet, "only that one is asked, in its turn: %u pings", asked);
    kit_close(&l.k);
}

int main(void)
{
    what_does_not_change_is_looked_through_ever_more_rarely();
    a_change_is_a_reason_to_look_soon_and_thoroughly();
    a_lookup_counts_as_a_look();
    whoever_was_heard_longest_ago_is_asked();
    return CHECK_RESULT();
}
