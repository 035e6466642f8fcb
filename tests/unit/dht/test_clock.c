/* Claims about dates that differ: who is told so, by how much, and whom that does not move. */
#include <string.h>

#include "common/base/bytes.h"
#include "tests/unit/dht/kit.h"

enum { TTL_MS = 60000, MEMBERS = 8, DAY_S = 86400 };

/* Far enough from all for this node not to hold it; what it says is genuine. */
static void signed_by(struct kit_record *r, uint64_t until_s)
{
    kit_signed(r, DHT_MUTABLE, 1, "name", "value", 5, TTL_MS);
    r->r.until_s = until_s;
    kit_sign(r);
}

struct row {
    int64_t behind_s[MEMBERS]; /* so far is this node behind that one; 0 and no_date: it tells none */
    uint32_t refusing;         /* the first so many refuse it            */
    enum err e;
    int64_t ahead_s;
    const char *why;
};

static void who_refuses_tells_the_date(void)
{
    static const struct row rows[] = {
        {{0}, 0, ERR_OK, 0, "all are right"},
        {{7200, 7200, 7200, 7200, 7200, 7200, 7200, 7200}, 8, ERR_RANGE, -7200, "two hours behind"},
        {{90, 90, 90, 90, 90, 90, 90, 90}, 0, ERR_OK, -90, "kept all the same, and told"},
        {{7200, 7201, 7199, 7200, 7200, -DAY_S, DAY_S, -DAY_S}, 8, ERR_RANGE, -7200, "three that lie"},
        {{-7200, -7200, -7200, -7200, -7200, -7200, -7200, -7200}, 0, ERR_OK, 7200, "ahead: they keep it"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit k;
        struct kit_record r;
        struct dht_done done = {.status = ERR_LATER};
        kit_open(&k, MEMBERS);
        signed_by(&r, KIT_WALL_S + k.now_us / 1000000 + TTL_MS / 1000);
        dht_core_clock(k.d, k.now_us, KIT_WALL_S + k.now_us / 1000000, &k.fx);
        CHECK(dht_core_put(k.d, k.now_us, 1, &r.r, NULL, &k.fx) == ERR_OK, "a put");
        const struct dht_effects fx = k.fx;
        for (uint32_t s = 0; s < fx.sends; s++) {
            struct dht_message m;
            uint32_t who = bytes_get_be32(fx.send[s].to.byte);
            REQUIRE(dht_packet_read(fx.send[s].packet.bytes, fx.send[s].packet.size, &m) == ERR_OK && m.kind == DHT_PACKET_STORE && who < MEMBERS, "a STORE");
            struct dht_message out = kit_answer(&m, DHT_PACKET_STORED);
            out.status = who < rows[i].refusing ? DHT_STATUS_REFUSED : DHT_STATUS_OK;
            out.token = (uint64_t)((int64_t)(KIT_WALL_S + k.now_us / 1000000) + rows[i].behind_s[who]);
            CHECK(kit_hear(&k, who, &out) == ERR_OK, "an answer");
            done = k.fx.done_count > 0 ? k.fx.done[0] : done;
        }
        for (uint32_t turn = 0; turn < 40 && done.status == ERR_LATER; turn++) {
            kit_due(&k);
            done = k.fx.done_count > 0 ? k.fx.done[0] : done;
        }
        CHECK(done.status == rows[i].e && done.clocks >= 4 && done.ahead_s == rows[i].ahead_s, "%s: %s, %lld s ahead of %u", rows[i].why,
              err_name(done.status), (long long)done.ahead_s, done.clocks);
        CHECK(rows[i].ahead_s == 0 || bytes_get_be32(done.clock.byte) != 5, "whose date is named is none of those that lie");
        kit_close(&k);
    }
}

/* A holder's answers bear its date: of whoever knows none, none. */
static void holders_tell_theirs(void)
{
    struct kit k;
    struct kit_record r;

    kit_open(&k, 1);
    for (int knows = 0; knows < 2; knows++) {
        const uint64_t date_s = knows ? KIT_WALL_S + 777 : 0;
        signed_by(&r, KIT_WALL_S + 777 - 61);
        struct dht_message m = {.kind = DHT_PACKET_STORE, .txn = 9, .count = 1, .record[0] = {.left_ms = TTL_MS, .size = (uint16_t)r.size, .bytes = r.bytes}};
        struct dht_contact who = kit_contact(0);
        struct dht_packet p;
        (void)dht_packet_write(&p, &m, DHT_PACKET_MAX);
        CHECK(dht_core_packet(k.d, k.now_us, date_s, &who, 1, p.bytes, p.size, &k.fx) == ERR_OK, "a STORE");
        REQUIRE(kit_sent(&k, DHT_PACKET_STORED, 0, &m, NULL) == 1, "an answer");
        CHECK(m.status == (knows ? DHT_STATUS_REFUSED : DHT_STATUS_OK) && m.token == date_s, "%d: %d, %llu", knows, (int)m.status, (unsigned long long)m.token);
    }
    kit_close(&k);
}

/* Of eight holders so many have one that is over by the date here, the others none. */
static void what_is_over_here_alone_is_not_none(void)
{
    static const struct {
        uint32_t holding;
        enum err e;
        const char *why;
    } rows[] = {{0, ERR_NOT_FOUND, "nobody has it"}, {1, ERR_NOT_FOUND, "one that says again what is over"}, {2, ERR_NOT_FOUND, "two"}, {8, ERR_RANGE, "all have it"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit k;
        struct kit_record r;
        struct dht_done done = {.status = ERR_LATER};
        uint32_t given = 0;
        kit_open(&k, MEMBERS);
        uint64_t date_s = KIT_WALL_S + k.now_us / 1000000;
        signed_by(&r, date_s - 3600);
        dht_core_clock(k.d, k.now_us, date_s, &k.fx);
        CHECK(dht_core_get(k.d, k.now_us, 1, &r.r.key, 1, &k.fx) == ERR_OK, "a get");
        for (uint32_t turn = 0; turn < 40 && done.status == ERR_LATER; turn++) {
            const struct dht_effects fx = k.fx;
            for (uint32_t s = 0; s < fx.sends && done.status == ERR_LATER; s++) {
                struct dht_message m;
                REQUIRE(dht_packet_read(fx.send[s].packet.bytes, fx.send[s].packet.size, &m) == ERR_OK && m.kind == DHT_PACKET_GET, "a GET");
                bool holds = given++ < rows[i].holding;
                struct dht_message out = kit_answer(&m, holds ? DHT_PACKET_VALUES : DHT_PACKET_NODES);
                out.flags = holds ? 0 : DHT_FLAG_ABSENT;
                out.count = holds;
                if (holds) {
                    out.record[0] = (struct dht_packet_record){.left_ms = 30000, .size = (uint16_t)r.size, .bytes = r.bytes};
                }
                CHECK(kit_hear(&k, bytes_get_be32(fx.send[s].to.byte), &out) == ERR_OK, "an answer");
                CHECK(k.fx.found_count == 0, "what is over is not found");
                done = k.fx.done_count > 0 ? k.fx.done[0] : done;
            }
            if (done.status == ERR_LATER && k.fx.sends == 0) {
                kit_due(&k);
                done = k.fx.done_count > 0 ? k.fx.done[0] : done;
            }
        }
        CHECK(done.status == rows[i].e, "%s: %s", rows[i].why, err_name(done.status));
        CHECK(done.clocks == 0 || done.ahead_s == 3600 - 60 + 30, "at least so far ahead: %lld", (long long)done.ahead_s);
        CHECK((done.clocks > 0) == (rows[i].holding > 0), "%u told theirs", done.clocks);
        kit_close(&k);
    }
}

/* A date that jumps is no reason to let go of what is held, nor to keep it. */
static void what_is_held_ends_by_what_is_left(void)
{
    static const int64_t jumps[] = {0, -7 * (int64_t)DAY_S, 7 * (int64_t)DAY_S, -30, 3600};

    for (size_t i = 0; i < ARRAY_LEN(jumps); i++) {
        struct kit k;
        struct kit_record r;
        kit_open(&k, 0);
        uint64_t date_s = KIT_WALL_S + k.now_us / 1000000;
        signed_by(&r, date_s + TTL_MS / 1000);
        CHECK(kit_store(&k, 1, &r, 0, 0, NULL) == DHT_STATUS_TOKEN || dht_core_records(k.d) == 1, "a stranger needs a token");
        struct dht_contact who = kit_contact(0);
        dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
        uint64_t seq;
        CHECK(kit_store(&k, 0, &r, 0, 0, &seq) == DHT_STATUS_OK && dht_core_records(k.d) == 1, "it is held");
        dht_core_clock(k.d, k.now_us + 59 * UINT64_C(1000000), (uint64_t)((int64_t)date_s + 59 + jumps[i]), &k.fx);
        CHECK(dht_core_records(k.d) == 1, "a second before its end, %lld", (long long)jumps[i]);
        dht_core_clock(k.d, k.now_us + 60 * UINT64_C(1000000), (uint64_t)((int64_t)date_s + 60 + jumps[i]), &k.fx);
        CHECK(dht_core_records(k.d) == 0, "at its end, %lld", (long long)jumps[i]);
        kit_close(&k);
    }
}

int main(void)
{
    who_refuses_tells_the_date();
    holders_tell_theirs();
    what_is_over_here_alone_is_not_none();
    what_is_held_ends_by_what_is_left();
    return CHECK_RESULT();
}
