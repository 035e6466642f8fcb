/* Claims about what a core's memory costs: room that is not used is not touched, what was used is used again, and what is
 * full has a bound. Figures are of pages that were touched, in bytes. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/dht/kit.h"

enum {
    HOUR_MS = 3600000,
    KIB = 1024,
    PEERS = 1024,      /* as the cell's settings are where nothing is said: dht/settings.h */
    RECORDS = 8192,
    STORE = 4 << 20,
    WISHES = 128,
    SPARES = 160,
    VALUE = 64,
};

/* A core in pages of its own, with the cell's usual room; a page that nobody touched is not there. */
static size_t open_usual(struct kit *k, uint32_t members)
{
    struct dht_config c = kit_config();

    c.peers_max = PEERS;
    c.spares_max = SPARES;
    c.records_max = RECORDS;
    c.store_bytes = c.owner_bytes = c.source_bytes = STORE;
    c.wishes_max = WISHES;
    c.tuning.rate = 0;
    size_t size = dht_core_size(&c);
    k->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(k->memory != MAP_FAILED && madvise(k->memory, size, MADV_NOHUGEPAGE) == 0, "pages");
    k->now_us = KIT_START_US;
    REQUIRE(dht_core_init(k->memory, &c, k->now_us, &k->d) == ERR_OK, "a core");
    k->d->born_us = 0; /* not new: it compares with nobody of its own accord */
    for (uint32_t i = 0; i < members; i++) {
        struct dht_contact who = kit_contact(i);
        dht_core_member(k->d, k->now_us, &who, DHT_MEMBER_HERE, &k->fx);
    }
    return size;
}

static size_t touched(const struct kit *k, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page, count = 0;
    unsigned char *is_there = calloc(pages, 1);

    REQUIRE(is_there != NULL && mincore(k->memory, size, is_there) == 0, "which pages are there");
    for (size_t i = 0; i < pages; i++) {
        count += is_there[i] & 1;
    }
    free(is_there);
    return count * page;
}

static void close_usual(struct kit *k, size_t size)
{
    REQUIRE(munmap(k->memory, size) == 0, "pages given back");
}

static void hold(struct kit *k, uint32_t from, uint32_t count)
{
    struct kit_record r;

    for (uint32_t i = 0; i < count; i++) {
        kit_immutable(&r, i, VALUE, HOUR_MS);
        REQUIRE(kit_store(k, from, &r, 0, 0, NULL) == DHT_STATUS_OK, "record %u", i);
    }
}

static void room_that_is_not_used_costs_nothing(void)
{
    struct kit k;
    size_t size = open_usual(&k, 0), empty = touched(&k, size);

    printf("  nobody known: %zu of %zu KiB\n", empty / KIB, size / KIB);
    CHECK(empty <= 8 * KIB, "nobody known: %zu KiB", empty / KIB);
    close_usual(&k, size);
}

static void what_is_used_costs_what_it_is(void)
{
    static const struct {
        uint32_t members, records;
        size_t most_kib; /* its rows and bytes, and half a page at each end of eight lists */
    } rows[] = {{256, 0, 40}, {1000, 0, 104}, {1, 100, 52}, {256, 100, 76}, {1, 1000, 220}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kit k;
        size_t size = open_usual(&k, rows[i].members);
        hold(&k, 0, rows[i].records);
        size_t used = touched(&k, size);
        printf("  %u members, %u records of %d bytes: %zu KiB\n", rows[i].members, rows[i].records, VALUE, used / KIB);
        CHECK(used <= rows[i].most_kib * KIB, "%u members, %u records: %zu KiB", rows[i].members, rows[i].records, used / KIB);
        close_usual(&k, size);
    }
}

/* Lookups at one time: what is more is refused, and the next ones use the places of the first. */
static void lookups_have_a_bound(void)
{
    struct kit k;
    size_t size = open_usual(&k, 256), one = 0, all = 0;

    for (uint64_t turn = 0; turn < 3; turn++) {
        uint64_t wishes = turn == 0 ? 1 : WISHES, first = 1 + turn * WISHES;
        for (uint64_t i = 0; i < wishes; i++) {
            struct dht_id target = kit_id((uint32_t)(5000 + i));
            REQUIRE(dht_core_get(k.d, k.now_us, first + i, &target, 1, &k.fx) == ERR_OK, "lookup %u", (unsigned)i);
        }
        struct dht_id target = kit_id(6000);
        CHECK(turn == 0 || dht_core_get(k.d, k.now_us, 999999, &target, 1, &k.fx) == ERR_LIMIT, "one too many");
        for (uint64_t i = 0; i < wishes; i++) {
            dht_core_cancel(k.d, first + i);
        }
        CHECK(k.d->wishes == 0 && k.d->calls == 0 && k.d->wishes_end == 0 && k.d->calls_end == 0, "nothing is left of them");
        one = turn == 0 ? touched(&k, size) : one;
        all = turn == 1 ? touched(&k, size) : all;
    }
    printf("  256 members and a lookup: %zu KiB; %d at one time: %zu KiB\n", one / KIB, WISHES, all / KIB);
    CHECK(one <= 52 * KIB && all <= (size_t)WISHES * 8 * KIB && touched(&k, size) == all, "%zu, %zu, %zu KiB", one / KIB, all / KIB,
          touched(&k, size) / KIB);
    close_usual(&k, size);
}

/* As many come and go again and again as there are at one time. */
static void what_was_used_is_used_again(void)
{
    struct kit k;
    size_t size = open_usual(&k, 1), used = 0;

    for (uint32_t turn = 0; turn < 8; turn++) {
        struct dht_contact who = kit_contact(turn + 1);
        hold(&k, 0, 100);
        dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
        k.now_us += (uint64_t)HOUR_MS * 1000;
        dht_core_clock(k.d, k.now_us, 0, &k.fx);
        dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_GONE, &k.fx);
        CHECK(dht_core_records(k.d) == 0 && dht_core_peers(k.d) == 1, "all are over, one is gone");
        used = turn == 1 ? touched(&k, size) : used;
    }
    CHECK(touched(&k, size) == used, "%zu KiB, and after two turns %zu", touched(&k, size) / KIB, used / KIB);
    close_usual(&k, size);
}

/* All rows in use, one too many refused, all over, and all in use again: nowhere else. */
static void what_is_full_has_a_bound(void)
{
    struct kit k;
    struct kit_record r;
    size_t size = open_usual(&k, PEERS);

    hold(&k, 0, RECORDS);
    struct dht_contact who = kit_contact(PEERS);
    dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
    CHECK(dht_core_peers(k.d) == PEERS && dht_core_records(k.d) == RECORDS, "no more than there is room for");
    uint64_t full = k.d->counters.full, evicted = k.d->counters.evicted;
    for (uint32_t i = 0; i < 100; i++) {
        kit_immutable(&r, RECORDS + i, VALUE, HOUR_MS);
        enum dht_status status = kit_store(&k, 0, &r, 0, 0, NULL);
        CHECK(status == DHT_STATUS_OK || status == DHT_STATUS_FULL, "status %d", (int)status);
    }
    CHECK(k.d->counters.full + k.d->counters.evicted == full + evicted + 100 && dht_core_records(k.d) == RECORDS,
          "another is refused, or something farther gives way");
    size_t used = touched(&k, size);
    printf("  %d members, %d records of %d bytes: %zu of %zu KiB\n", PEERS, RECORDS, VALUE, used / KIB, size / KIB);
    CHECK(used <= ((size_t)PEERS * DHT_PEER_BYTES + (size_t)RECORDS * (DHT_RECORD_BYTES + 2 * 64)) + 64 * KIB, "%zu KiB", used / KIB);
    k.now_us += (uint64_t)HOUR_MS * 1000;
    dht_core_clock(k.d, k.now_us, 0, &k.fx);
    CHECK(dht_core_records(k.d) == 0, "all are over");
    for (uint32_t i = 0; i < PEERS; i++) {
        who = kit_contact(i);
        dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_GONE, &k.fx);
        who = kit_contact(PEERS + i);
        dht_core_member(k.d, k.now_us, &who, DHT_MEMBER_HERE, &k.fx);
    }
    hold(&k, PEERS, RECORDS);
    CHECK(dht_core_peers(k.d) == PEERS && dht_core_records(k.d) == RECORDS, "as many as before");
    CHECK(touched(&k, size) <= used + 8 * KIB, "%zu KiB", touched(&k, size) / KIB);
    close_usual(&k, size);
}

int main(void)
{
    room_that_is_not_used_costs_nothing();
    what_is_used_costs_what_it_is();
    lookups_have_a_bound();
    what_was_used_is_used_again();
    what_is_full_has_a_bound();
    return CHECK_RESULT();
}
