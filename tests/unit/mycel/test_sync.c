/* Claims about what a member takes, what its sums say, who has a say, what it wants of what it is offered, and when it lets go of what is
 * not its own any more. Whole clusters: tests/sim/mycel. */
#include <inttypes.h>
#include <string.h>

#include "common/base/hlc.h"
#include "common/base/rng.h"
#include "mycel/sync.h"
#include "tests/unit/mycel/kit.h"

enum { MEMBERS = 8, FOR_EVER = -1 };

static const struct mycel_replica_name names[] = {{"bucket", 6}};
static const uint64_t WALL_MS = UINT64_C(1700000000000);

struct member {
    struct kit kit;
    struct mycel_replica r;
    struct mycel_sync s;
    struct mycel_sync_peer peer[MEMBERS];
    uint64_t sum[MEMBERS][MYCEL_REPLICA_RANGES];
    struct mycel_place place;
    struct mycel_sync_effects fx;
};

static void open_member(struct member *m, uint64_t id, bool is_first, uint32_t entries)
{
    kit_open(&m->kit, 1, entries, 100000);
    REQUIRE(kit_bucket(&m->kit, MYCEL_STORE_S3FIFO, 0) == 0, "one bucket");
    mycel_replica_init(&m->r, &m->kit.store, names, (uint32_t)id, 3, m->sum, MEMBERS);
    mycel_sync_init(&m->s, &m->r, m->peer, id, 1000000, is_first, id, 0);
}

/* Members by the digits of a number. */
static void sees(struct member *m, const char *members, uint64_t now_ms)
{
    struct mycel_place_node node[MEMBERS];
    uint32_t count = 0;

    for (; members[count] != '\0'; count++) {
        node[count] = (struct mycel_place_node){.id = (uint64_t)(members[count] - '0'), .weight = 1};
    }
    REQUIRE(mycel_place_set(&m->place, node, count) == ERR_OK, "members");
    struct mycel_sync_event ev = {.kind = MYCEL_SYNC_EV_PLACE, .now_ms = now_ms, .wall_ms = WALL_MS + now_ms, .place = &m->place};
    mycel_sync_step(&m->s, &ev, &m->fx);
}

static void hears(struct member *m, uint64_t from, struct mycel_sync_message msg, uint64_t now_ms)
{
    struct mycel_sync_event ev = {.kind = MYCEL_SYNC_EV_HEARD, .now_ms = now_ms, .wall_ms = WALL_MS + now_ms, .from = from, .message = &msg};

    msg.view = msg.view == 0 ? m->r.view : msg.view;
    mycel_sync_step(&m->s, &ev, &m->fx);
}

static void tick(struct member *m, uint64_t now_ms)
{
    struct mycel_sync_event ev = {.kind = MYCEL_SYNC_EV_CLOCK, .now_ms = now_ms, .wall_ms = WALL_MS + now_ms};

    mycel_sync_step(&m->s, &ev, &m->fx);
}

static struct mycel_store_key key_of(const char *key)
{
    return (struct mycel_store_key){.bytes = key, .size = (uint32_t)strlen(key)};
}

/* Stamps of these tests are small; a clock that is ahead has one far above. */
static enum err take(struct member *m, const char *key, uint64_t stamp, bool is_tombstone, int64_t left_ms, uint32_t size, uint64_t now_ms)
{
    static const uint8_t bytes[200] = {1};
    struct mycel_store_key k = key_of(key);
    struct mycel_version_copy c = {.version = {.stamp = stamp, .writer = 1}, .is_tombstone = is_tombstone, .bytes = bytes, .size = is_tombstone ? 0 : size};

    return mycel_replica_take(&m->r, &k, &c, left_ms < 0 ? MYCEL_STORE_FOR_EVER : (uint64_t)left_ms, WALL_MS + now_ms, now_ms);
}

static bool holds(const char *key, const char *members)
{
    static struct mycel_place p;
    struct mycel_place_node node[MEMBERS];
    uint32_t count = 0;

    for (; members[count] != '\0'; count++) {
        node[count] = (struct mycel_place_node){.id = (uint64_t)(members[count] - '0'), .weight = 1};
    }
    REQUIRE(mycel_place_set(&p, node, count) == ERR_OK, "members");
    return mycel_place_is_holder(&p, mycel_place_hash("bucket", 6, key, strlen(key)), 3, 1);
}

/* Of three keys: member 1 is a holder among 12345 and among 1234; of neither; only when 5 is away. */
static const char *key_named(uint32_t which)
{
    static char text[3][16];

    for (uint32_t i = 0; text[which][0] == '\0'; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%" PRIu32, i);
        if (holds(key, "12345") == (which == 0) && holds(key, "1234") == (which != 1)) {
            strcpy(text[which], key);
        }
    }
    return text[which];
}

/* ---- copies ----------------------------------------------------------------------------------------- */

static const struct {
    uint64_t there;      /* stamp; 0: nothing */
    bool is_tombstone;
    uint64_t comes;
    bool comes_dead;
    int64_t left_ms;
    enum err want;
    uint64_t then;
    bool then_tombstone;
    const char *why;
} copies[] = {
    {0, false, 5, false, FOR_EVER, ERR_OK, 5, false, "what is not there is taken"},
    {5, false, 9, false, FOR_EVER, ERR_OK, 9, false, "a later one is"},
    {9, false, 5, false, FOR_EVER, ERR_EXISTS, 9, false, "an earlier one is not"},
    {5, false, 5, false, FOR_EVER, ERR_EXISTS, 5, false, "nor is the same"},
    {5, false, 5, true, FOR_EVER, ERR_OK, 5, true, "a tombstone of the same is later"},
    {9, true, 5, false, FOR_EVER, ERR_EXISTS, 9, true, "what was deleted does not come back"},
    {9, true, 10, false, FOR_EVER, ERR_OK, 10, false, "what was written after that does"},
    {0, false, 5, true, FOR_EVER, ERR_OK, 5, true, "a tombstone is taken where nothing is: the earlier one may be under way"},
    {5, false, 9, false, 0, ERR_OK, 9, true, "what is over ends what is earlier"},
    {0, false, 9, false, 0, ERR_OK, 0, false, "and is nothing where nothing is"},
    {9, false, 5, false, 0, ERR_EXISTS, 9, false, "what is over is earlier than what is there"},
    {5, false, UINT64_MAX, false, FOR_EVER, ERR_RANGE, 5, false, "a clock that is far ahead is not believed"},
    {5, false, 0, false, FOR_EVER, ERR_INVALID, 5, false, "without a version nothing is taken"},
};

static void later_copies_are_taken(void)
{
    for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
        static struct member m;
        open_member(&m, 1, true, 100);
        if (copies[i].there > 0) {
            REQUIRE(take(&m, "key", copies[i].there, copies[i].is_tombstone, FOR_EVER, 10, 1) == ERR_OK, "row %zu begins", i);
        }
        enum err e = take(&m, "key", copies[i].comes, copies[i].comes_dead, copies[i].left_ms, 10, 2);
        struct mycel_store_key k = key_of("key");
        struct mycel_version_copy c = mycel_replica_find(&m.r, &k, 3);
        CHECK(e == copies[i].want && c.version.stamp == copies[i].then && c.is_tombstone == copies[i].then_tombstone, "row %zu: %s: %s, then %" PRIu64, i, copies[i].why,
              err_name(e), c.version.stamp);
        kit_close(&m.kit);
    }
    static struct member m;
    open_member(&m, 1, true, 100);
    REQUIRE(take(&m, "key", 5, false, FOR_EVER, 10, 1) == ERR_OK, "something is there");
    m.kit.store.bucket[0].limits.bytes_max = 100;
    struct mycel_store_key k = key_of("key");
    CHECK(take(&m, "key", 9, false, FOR_EVER, 150, 1) == ERR_LIMIT && mycel_replica_find(&m.r, &k, 3).version.stamp == 0, "what is earlier than a write that finds no room goes");
    kit_close(&m.kit);
}

/* Sums are those of what is there, whatever came and went and whenever counting began; and the same at two who hold the same. */
static void sums_are_of_what_is_there(uint64_t seed)
{
    static struct member a, b;
    static uint64_t before[MEMBERS][MYCEL_REPLICA_RANGES];
    struct rng r;
    uint64_t now_ms = 0, stamp = 0;

    rng_init(&r, seed);
    open_member(&a, 1, true, 60); /* some are evicted */
    open_member(&b, 2, true, 300);
    for (uint32_t i = 0; i < 2000; i++) {
        char key[8];
        sprintf(key, "k%d", (int)rng_below(&r, 90));
        now_ms += rng_below(&r, 20);
        if (i == 500 || i == 1200) {
            sees(&a, i == 500 ? "12345" : "1345", now_ms);
        }
        if (i > 500 && rng_below(&r, 3) == 0) {
            (void)mycel_replica_count(&a.r, 1 + (uint32_t)rng_below(&r, 20));
        }
        struct mycel_store_key k = key_of(key);
        switch (rng_below(&r, 5)) {
        case 0:
            mycel_store_forget(&a.kit.store, &k, now_ms);
            break;
        case 1:
            (void)mycel_store_step(&a.kit.store, now_ms, 5);
            break;
        default:
            (void)take(&a, key, ++stamp, rng_below(&r, 4) == 0, rng_below(&r, 3) == 0 ? (int64_t)rng_below(&r, 500) : FOR_EVER, (uint32_t)rng_below(&r, 150), now_ms);
        }
    }
    while (!mycel_replica_count(&a.r, 7)) {
    }
    memcpy(before, a.sum, sizeof before);
    mycel_replica_place(&a.r, &a.place, 1);
    REQUIRE(mycel_replica_count(&a.r, UINT32_MAX), "counted at once");
    CHECK(memcmp(before, a.sum, sizeof before) == 0, "seed %" PRIu64 ": sums are those of what is there", seed);

    static struct member *both[] = {&a, &b};
    REQUIRE(mycel_store_clear(&a.kit.store, 0, false, 1000), "empty");
    for (uint32_t n = 0; n < 2; n++) {
        sees(both[n], "123", now_ms);
        for (uint32_t i = 0; i < 40; i++) {
            char key[8];
            sprintf(key, "k%" PRIu32, n == 0 ? i : 39 - i);
            (void)!take(both[n], key, stamp + (n == 0 ? i : 39 - i), i % 5 == 0, FOR_EVER, 10, now_ms);
            (void)mycel_replica_count(&both[n]->r, 3);
        }
        REQUIRE(mycel_replica_count(&both[n]->r, UINT32_MAX), "counted");
    }
    (void)!take(&a, "k3", stamp + 100, false, FOR_EVER, 10, now_ms);
    CHECK(memcmp(a.sum[1], b.sum[0], sizeof a.sum[1]) != 0, "seed %" PRIu64 ": one write differs", seed);
    (void)!take(&b, "k3", stamp + 100, false, FOR_EVER, 20, now_ms);
    (void)!take(&b, "k4", stamp + 101, false, FOR_EVER, 10, now_ms);
    (void)!take(&a, "k4", stamp + 101, false, FOR_EVER, 10, now_ms);
    (void)!take(&a, "k5", stamp + 102, true, FOR_EVER, 0, now_ms);
    (void)!take(&b, "k5", stamp + 102, true, FOR_EVER, 0, now_ms);
    for (uint32_t i = 0; i < 40; i += 5) { /* what differed by how the loops above deleted */
        char key[8];
        sprintf(key, "k%" PRIu32, i);
        (void)!take(&a, key, stamp + 200 + i, false, FOR_EVER, 10, now_ms);
        (void)!take(&b, key, stamp + 200 + i, false, FOR_EVER, 10, now_ms);
        sprintf(key, "k%" PRIu32, 39 - i);
        (void)!take(&a, key, stamp + 300 + i, false, FOR_EVER, 10, now_ms);
        (void)!take(&b, key, stamp + 300 + i, false, FOR_EVER, 10, now_ms);
    }
    CHECK(memcmp(a.sum[1], b.sum[0], sizeof a.sum[1]) == 0, "seed %" PRIu64 ": two who have the same say the same", seed);
    kit_close(&a.kit);
    kit_close(&b.kit);
}

/* ---- who has a say: memberships, D1 to D9: a DONE from that member, d one of before, +N: so many seconds later ------------------------- */

static const struct {
    bool is_first;
    const char *did;
    const char *want; /* of the three keys: y or n */
    const char *why;
} says[] = {
    {true, "123", "yyy", "a cluster's first members have"},
    {false, "123", "nnn", "who began empty has not"},
    {false, "123 D2", "nnn", "… nor when one of two told it"},
    {false, "123 D2 D3", "yyy", "… but when both did"},
    {false, "123 D2 124 D4", "nnn", "what was told of another membership does not count"},
    {false, "123 d2 d3", "nnn", "nor what was told at an earlier asking"},
    {true, "123 12345 123", "ynn", "who did not hold it meanwhile may have missed something"},
    {false, "1 +200", "nnn", "who is alone has nobody to tell it"},
    {true, "123 12", "yyy", "one of three who dies changes nothing"},
    {true, "123 1 123", "nnn", "who was cut off from all has missed something"},
    {true, "123 1 123 D2 D3", "yyy", "… until it is told"},
    {true, "123 1 D2 D3 123", "nnn", "… then, not before"},
    {true, "12345 123", "ynn", "two of five are away: what others held it does not know"},
    {true, "12345 123 D2 D3", "ynn", "… nor when all who are left told it: two may know more"},
    {true, "12345 123 D2 D3 +119", "ynn", "… for two minutes"},
    {true, "12345 123 D2 D3 +120", "yyy", "… then they are dead"},
    {true, "12345 1234", "ynn", "one of five is away, and what changed hands it does not know"},
    {true, "12345 1234 D2 D3 D4", "yny", "… until it is told: nobody waits for one"},
    {true, "12345 1234 12345 1234 12345", "nnn", "too many memberships since it was sure"},
    {true, "12345 1234 12345 1234 12345 D2 D3 D4 D5", "ynn", "… and of its own it is sure when it was told"},
};

static void those_who_know_have_a_say(void)
{
    for (size_t i = 0; i < ARRAY_LEN(says); i++) {
        static struct member m;
        char got[4] = "", did[64];
        uint64_t now_ms = 10;
        open_member(&m, 1, says[i].is_first, 100);
        strcpy(did, says[i].did);
        for (char *word = strtok(did, " "); word != NULL; word = strtok(NULL, " ")) {
            if (word[0] == 'D' || word[0] == 'd') {
                hears(&m, (uint64_t)(word[1] - '0'), (struct mycel_sync_message){.kind = MYCEL_SYNC_DONE, .nonce = m.s.nonce - (word[0] == 'd')}, now_ms);
            } else if (word[0] == '+') {
                now_ms += strtoull(word + 1, NULL, 10) * 1000;
                tick(&m, now_ms);
                while (!mycel_replica_is_counted(&m.r)) {
                    tick(&m, now_ms);
                }
                tick(&m, now_ms);
            } else {
                sees(&m, word, now_ms);
            }
        }
        for (uint32_t k = 0; k < 3; k++) {
            struct mycel_store_key key = key_of(key_named(k));
            uint64_t hash = mycel_replica_hash(&m.r, 0, key.bytes, key.size);
            got[k] = mycel_sync_has_say(&m.s, hash) ? 'y' : 'n';
        }
        CHECK(strcmp(got, says[i].want) == 0, "row %zu: %s: %s: %s, and should be %s", i, says[i].did, says[i].why, got, says[i].want);
        kit_close(&m.kit);
    }
}

/* ---- what is wanted --------------------------------------------------------------------------------- */

static const struct {
    uint64_t there;
    bool is_tombstone;
    uint64_t offered;
    bool offered_dead;
    int64_t left_ms;
    uint32_t size;
    char want; /* W wanted, H had, . no answer */
    const char *why;
} offers[] = {
    {0, false, 1, false, FOR_EVER, 10, 'W', "what it lacks"},
    {1, false, 2, false, FOR_EVER, 10, 'W', "what is later"},
    {2, false, 1, false, FOR_EVER, 10, 'H', "not what is earlier"},
    {2, false, 2, false, FOR_EVER, 10, 'H', "not what it has"},
    {2, true, 1, false, FOR_EVER, 10, 'H', "not what was deleted"},
    {1, false, 1, true, FOR_EVER, 0, 'W', "that it was deleted"},
    {0, false, 1, true, FOR_EVER, 0, 'W', "… also if it lacks that"},
    {0, false, 1, false, MYCEL_REPLICA_ENDING_MS, 10, 'W', "what lives for ten seconds"},
    {0, false, 1, false, MYCEL_REPLICA_ENDING_MS - 1, 10, 'H', "… not for less: it may have ended here"},
    {1, false, 2, false, MYCEL_REPLICA_ENDING_MS - 1, 10, 'W', "… but if something earlier is there"},
    {0, false, 1, false, FOR_EVER, 90000, 'H', "nothing that others would have to go for"},
    {1, false, 2, false, FOR_EVER, 90000, 'W', "… but if something earlier is there"},
};

static struct mycel_sync_message offer_of(const char *key, uint64_t stamp, bool is_tombstone, int64_t left_ms, uint32_t size)
{
    struct mycel_store_key k = key_of(key);

    return (struct mycel_sync_message){.kind = MYCEL_SYNC_OFFER, .page = 7, .hash = mycel_place_hash("bucket", 6, key, strlen(key)), .key = k,
                                       .copy = {.version = {.stamp = stamp, .writer = 1}, .is_tombstone = is_tombstone, .size = size},
                                       .left_ms = left_ms < 0 ? MYCEL_STORE_FOR_EVER : (uint64_t)left_ms};
}

static char verdict(const struct member *m)
{
    return m->fx.count == 0 ? '.' : m->fx.item[0].message.verdict == MYCEL_SYNC_WANT ? 'W' : 'H';
}

static void what_is_lacking_is_wanted(void)
{
    static struct member m;

    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        open_member(&m, 1, true, 100);
        sees(&m, "123", 1);
        REQUIRE(take(&m, "other", 1, false, FOR_EVER, 200, 1) == ERR_OK, "somebody is there");
        m.kit.store.bucket[0].limits.bytes_max = 90200;
        if (offers[i].there > 0) {
            REQUIRE(take(&m, "key", offers[i].there, offers[i].is_tombstone, FOR_EVER, 10, 1) == ERR_OK, "row %zu begins", i);
        }
        struct mycel_sync_message offer = offer_of("key", offers[i].offered, offers[i].offered_dead, offers[i].left_ms, offers[i].size);
        /* So that stamps of these rows are not a day old. */
        offer.copy.version.stamp = offers[i].offered_dead && offers[i].there == 0 ? WALL_MS << HLC_COUNT_BITS : offer.copy.version.stamp;
        hears(&m, 2, offer, 10);
        CHECK(verdict(&m) == offers[i].want, "row %zu: %s: %c, and should be %c", i, offers[i].why, verdict(&m), offers[i].want);
        kit_close(&m.kit);
    }
    open_member(&m, 1, true, 100);
    sees(&m, "12345", 1);
    hears(&m, 2, offer_of(key_named(0), 5, false, FOR_EVER, 10), 10);
    CHECK(verdict(&m) == 'W', "what it holds");
    hears(&m, 3, offer_of(key_named(0), 5, false, FOR_EVER, 10), 11);
    CHECK(verdict(&m) == '.', "nobody else is asked for the same");
    hears(&m, 3, offer_of(key_named(0), 5, false, FOR_EVER, 10), 10 + MYCEL_SYNC_ASKED_MS);
    CHECK(verdict(&m) == 'W', "… for a second");
    hears(&m, 2, offer_of(key_named(1), 5, false, FOR_EVER, 10), 10);
    CHECK(verdict(&m) == '.', "not what is not its to hold");
    struct mycel_sync_message other = offer_of(key_named(0), 6, false, FOR_EVER, 10);
    other.view = m.r.view + 1;
    hears(&m, 2, other, 10);
    CHECK(verdict(&m) == '.', "who sees other members is not answered");
    hears(&m, 2, offer_of("key", (WALL_MS - MYCEL_VERSION_TOMBSTONE_MS - 10000) << HLC_COUNT_BITS, true, FOR_EVER, 0), 10);
    CHECK(verdict(&m) != 'W' && holds("key", "12345"), "not a tombstone of what nobody can have");
    kit_close(&m.kit);
}

static void only_what_was_asked_for_is_taken(void)
{
    static const struct {
        bool is_asked;
        uint64_t after_ms, stamp;
        bool want;
    } rows[] = {{true, 10, 5, true}, {false, 10, 5, false}, {true, 10, 6, false}, {true, MYCEL_SYNC_LATE_MS - 1, 5, true}, {true, MYCEL_SYNC_LATE_MS, 5, false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct member m;
        struct mycel_store_key k = key_of(key_named(0));
        open_member(&m, 1, true, 100);
        sees(&m, "123", 1);
        if (rows[i].is_asked) {
            hears(&m, 2, offer_of(key_named(0), 5, false, FOR_EVER, 4), 100);
        }
        struct mycel_sync_message copy = offer_of(key_named(0), rows[i].stamp, false, FOR_EVER, 4);
        copy.kind = MYCEL_SYNC_COPY;
        copy.copy.bytes = (const uint8_t *)"four";
        hears(&m, 2, copy, 100 + rows[i].after_ms);
        bool is_there = mycel_replica_find(&m.r, &k, 100).version.stamp == 5;
        CHECK(is_there == rows[i].want && (m.fx.count == 1) == rows[i].want, "row %zu: %d", i, is_there);
        kit_close(&m.kit);
    }
}

/* ---- letting go ------------------------------------------------------------------------------------- */

/* What is another one's to hold goes when all three who hold it have said that they have it, and not before. */
static void all_confirm_before_it_goes(void)
{
    static const struct {
        uint64_t has[3];
        bool is_changed, goes;
        const char *why;
    } rows[] = {
        {{1, 1, 1}, false, true, "all have it"},
        {{1, 1, 0}, false, false, "one has said nothing"},
        {{1, 0, 1}, false, false, "… another one"},
        {{0, 0, 0}, false, false, "nobody has"},
        {{1, 1, 1}, true, false, "it is a later one than the one that they have"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct member m;
        struct mycel_sync_message seen[3];
        uint64_t who[3], now_ms = 1;
        struct mycel_store_key k = key_of(key_named(1));
        open_member(&m, 1, true, 100);
        REQUIRE(take(&m, key_named(1), 5, false, FOR_EVER, 10, 1) == ERR_OK, "it has it");
        sees(&m, "12345", now_ms);
        uint32_t offered = 0;
        for (uint32_t n = 0; n < 100 && offered == 0; n++) {
            tick(&m, now_ms);
            for (uint32_t e = 0; e < m.fx.count; e++) {
                if (m.fx.item[e].message.kind == MYCEL_SYNC_OFFER && offered < 3) {
                    seen[offered] = m.fx.item[e].message;
                    who[offered++] = m.fx.item[e].to;
                }
            }
        }
        REQUIRE(offered == 3, "it is offered to three, not %" PRIu32, offered);
        if (rows[i].is_changed) {
            REQUIRE(take(&m, key_named(1), 6, false, FOR_EVER, 10, 1) == ERR_OK, "it is written again");
        }
        for (uint32_t n = 0; n < 3; n++) {
            if (rows[i].has[n] > 0) {
                hears(&m, who[n], (struct mycel_sync_message){.kind = MYCEL_SYNC_ANSWER, .page = seen[n].page, .hash = seen[n].hash, .verdict = MYCEL_SYNC_HAVE,
                                                               .copy.version = seen[n].copy.version}, now_ms);
                hears(&m, who[n], (struct mycel_sync_message){.kind = MYCEL_SYNC_ANSWER, .page = seen[n].page - 1, .hash = seen[n].hash, .verdict = MYCEL_SYNC_HAVE,
                                                               .copy.version = seen[n].copy.version}, now_ms);
            }
        }
        for (now_ms = 10; now_ms < 20000; now_ms += 10) {
            tick(&m, now_ms);
        }
        bool is_gone = mycel_replica_find(&m.r, &k, now_ms).version.stamp == 0;
        CHECK(is_gone == rows[i].goes && m.s.counts.left == is_gone && m.kit.store.bucket[0].counts.deletes == 0, "row %zu: %s: %d", i, rows[i].why, is_gone);
        kit_close(&m.kit);
    }
}

/* A difference is looked at twice; who asks for a pass is served at once. */
static void differences_count_twice(void)
{
    static const struct {
        uint64_t nonce;
        uint32_t times;
        bool is_offered;
    } rows[] = {{0, 1, false}, {0, 2, true}, {9, 1, true}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct member m;
        static const uint64_t nothing[MYCEL_REPLICA_RANGES];
        uint32_t offered = 0;
        open_member(&m, 1, true, 100);
        sees(&m, "123", 1);
        for (uint64_t now_ms = 1; now_ms < 300; now_ms++) { /* the pass of a new membership */
            tick(&m, now_ms);
        }
        REQUIRE(take(&m, key_named(0), 5, false, FOR_EVER, 10, 300) == ERR_OK, "it has one");
        for (uint32_t n = 0; n < rows[i].times; n++) {
            hears(&m, 2, (struct mycel_sync_message){.kind = MYCEL_SYNC_SUMS, .sums = nothing, .nonce = rows[i].nonce}, 300);
            CHECK(m.fx.count == 1 && m.fx.item[0].message.is_answer, "row %zu: sums are answered", i);
        }
        for (uint64_t now_ms = 300; now_ms < 400; now_ms++) {
            tick(&m, now_ms);
            for (uint32_t e = 0; e < m.fx.count; e++) {
                offered += m.fx.item[e].message.kind == MYCEL_SYNC_OFFER && m.fx.item[e].to == 2;
            }
        }
        CHECK((offered > 0) == rows[i].is_offered, "row %zu: %" PRIu32 " offers", i, offered);
        kit_close(&m.kit);
    }
}

static uint64_t done_nonce(const struct member *m, uint64_t to)
{
    for (uint32_t e = 0; e < m->fx.count; e++) {
        if (m->fx.item[e].message.kind == MYCEL_SYNC_DONE && m->fx.item[e].to == to) {
            return m->fx.item[e].message.nonce;
        }
    }
    return 0;
}

/* Who asked for a pass is told that it is over when he has confirmed all of it; who asks while it is under way, of the next one. */
static void a_pass_is_for_those_who_asked_before_it(void)
{
    static const struct {
        bool asks_again, confirms;
        uint64_t want; /* the first nonce that is told */
    } rows[] = {{false, true, 9}, {false, false, 0}, {true, true, 9}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static struct member m;
        static const uint64_t nothing[MYCEL_REPLICA_RANGES];
        uint64_t told = 0, now_ms = 1;
        open_member(&m, 1, true, 100);
        sees(&m, "123", 1);
        for (; now_ms < 300; now_ms++) {
            tick(&m, now_ms);
        }
        REQUIRE(take(&m, key_named(0), 5, false, FOR_EVER, 10, now_ms) == ERR_OK, "it has one");
        hears(&m, 2, (struct mycel_sync_message){.kind = MYCEL_SYNC_SUMS, .sums = nothing, .nonce = 9}, now_ms);
        for (; now_ms < 4000 && told == 0; now_ms++) {
            tick(&m, now_ms);
            told = done_nonce(&m, 2);
            for (uint32_t e = 0; e < m.fx.count && told == 0; e++) {
                struct mycel_sync_message o = m.fx.item[e].message;
                if (o.kind == MYCEL_SYNC_OFFER && m.fx.item[e].to == 2) {
                    if (rows[i].asks_again) {
                        hears(&m, 2, (struct mycel_sync_message){.kind = MYCEL_SYNC_SUMS, .sums = nothing, .nonce = 10}, now_ms);
                    }
                    if (rows[i].confirms) {
                        hears(&m, 2, (struct mycel_sync_message){.kind = MYCEL_SYNC_ANSWER, .page = o.page, .hash = o.hash, .copy.version = o.copy.version}, now_ms);
                    }
                    told = done_nonce(&m, 2);
                    break;
                }
            }
        }
        CHECK(told == rows[i].want, "row %zu: %" PRIu64 " is told, and should be %" PRIu64, i, told, rows[i].want);
        kit_close(&m.kit);
    }
}

int main(int argc, char **argv)
{
    later_copies_are_taken();
    for (uint64_t seed = 1; seed <= (argc > 1 ? strtoull(argv[1], NULL, 10) : 20); seed++) {
        sums_are_of_what_is_there(seed);
    }
    those_who_know_have_a_say();
    what_is_lacking_is_wanted();
    only_what_was_asked_for_is_taken();
    all_confirm_before_it_goes();
    differences_count_twice();
    a_pass_is_for_those_who_asked_before_it();
    return CHECK_RESULT();
}
