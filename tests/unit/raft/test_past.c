/* Old values on a disk: where they are, what becomes of them when the disk is full, rotten, or needed no more. */
#include <inttypes.h>
#include <stdio.h>

#include "raft/past.h"
#include "tests/unit/raft/store_kit.h"

enum { ROUNDS = 40, KEYS = 10, WARM = 500 };

static char text[300];

static const char *value_of(int round, int key)
{
    snprintf(text, sizeof text, "%d/%d %0200d", round, key, round * key);
    return text;
}

static const char *key_of(int key)
{
    static char name[16];

    snprintf(name, sizeof name, "key%d", key);
    return name;
}

static void fill(struct store *s, int rounds)
{
    for (int round = 0; round < rounds; round++) {
        for (int key = 0; key < KEYS; key++) {
            CHECK(store_put(s, key_of(key), value_of(round, key)) == ERR_OK, "a put");
        }
    }
}

/* How many of all states cannot be read back; all others are what was put. */
static int count_lost(struct store *s, int rounds)
{
    int lost = 0;

    for (int round = 0; round < rounds; round++) {
        for (int key = 0; key < KEYS; key++) {
            uint64_t revision = (uint64_t)round * KEYS + (uint64_t)key + 1;
            const char *got = store_get(s, key_of(key), revision);

            if (strcmp(got, "DATA_LOSS") == 0) {
                lost++;
            } else {
                CHECK(strcmp(got, value_of(round, key)) == 0, "round %d of key %d is what was put: %.20s", round, key, got);
            }
        }
    }
    return lost;
}

static void what_is_old_is_on_the_disk(void)
{
    static struct store s;
    struct past_disk disk = {0};

    store_init_past(&s, &disk, WARM);
    fill(&s, ROUNDS);
    CHECK(disk.writes > 0 && s.kv.journal.warm_bytes <= WARM, "all but %d bytes of what is old", WARM);
    CHECK(s.kv.held_bytes <= s.kv.live_bytes + WARM, "memory has what is live, and that: %" PRIu64, s.kv.held_bytes);
    CHECK(count_lost(&s, ROUNDS) == 0 && disk.reads > 0, "each state is there");
    store_fini(&s);
    CHECK(disk.closed == 1, "the store closes its disk");
    past_disk_fini(&disk);
}

static void a_full_disk_keeps_it_in_memory(void)
{
    static struct store s;
    struct past_disk disk = {.is_full = true};

    store_init_past(&s, &disk, WARM);
    fill(&s, ROUNDS);
    CHECK(disk.writes == 0 && disk.refused > 0 && disk.refused < ROUNDS * KEYS / 8, "it is tried, and not with each put: %" PRIu64,
          disk.refused);
    CHECK(count_lost(&s, ROUNDS) == 0, "nothing is lost");
    disk.is_full = false;
    fill(&s, ROUNDS);
    CHECK(s.kv.journal.warm_bytes <= WARM, "when there is room again it goes there by itself");
    CHECK(disk.writes > 0, "it was written");
    store_fini(&s);
    past_disk_fini(&disk);
}

/* Each byte of the file, one after the other: what it is part of is refused, and is never another value. */
static void a_rotten_byte_is_never_a_value(void)
{
    static struct store s;
    struct past_disk disk = {0};
    size_t silent = 0;

    store_init_past(&s, &disk, WARM);
    fill(&s, 4);
    for (size_t at = 0; at < disk.size && check_failures == 0; at++) {
        disk.bytes[at] ^= 1u << (at % 8);
        int lost = count_lost(&s, 4);
        disk.bytes[at] ^= 1u << (at % 8);
        CHECK(lost <= 4, "a byte is of one record, and of those behind it in its chain: %d", lost);
        silent += lost == 0;
    }
    CHECK(disk.size > 4000 && silent < disk.size / 8, "of %zu bytes only what a chunk has left over is nobody's: %zu", disk.size,
          silent);
    CHECK(s.kv.past->rotten > 0, "they are counted");
    store_fini(&s);
    past_disk_fini(&disk);
}

/* The disk gives back what it has elsewhere, or less than there was. */
static void a_misplaced_or_short_read_is_never_a_value(void)
{
    static struct store s;
    struct past_disk disk = {0};

    store_init_past(&s, &disk, 0);
    fill(&s, 20);
    uint8_t *copy = malloc(disk.size);
    REQUIRE(copy != NULL, "memory");
    memcpy(copy, disk.bytes, disk.size);
    memcpy(disk.bytes + 2048, copy, 2048); /* one chunk in the place of another */
    int lost = count_lost(&s, 20);
    CHECK(lost > 0 && lost < 20 * KEYS, "those of that chunk: %d", lost);
    memcpy(disk.bytes, copy, disk.size);
    size_t whole = disk.size;
    disk.size = 100;
    CHECK(count_lost(&s, 20) > 0, "a file that was cut short");
    disk.size = whole;
    CHECK(count_lost(&s, 20) == 0, "and whole again");
    free(copy);
    store_fini(&s);
    past_disk_fini(&disk);
}

static void an_image_needs_the_past(void)
{
    static struct store s, in_memory, again;
    struct past_disk disk = {0}, other = {0};
    uint64_t hash = 0;

    store_init_past(&s, &disk, 0);
    store_init(&in_memory);
    fill(&s, ROUNDS);
    fill(&in_memory, ROUNDS);
    CHECK(store_hash(&s) == store_hash(&in_memory), "wherever it is, the image is the same");
    store_init_past(&again, &other, 0);
    store_copy_into(&s, &again, 700);
    CHECK(other.writes > 0 && again.kv.journal.warm_bytes == 0, "a store from an image has its past on its own disk");
    CHECK(store_hash(&s) == store_hash(&again) && count_lost(&again, ROUNDS) == 0, "and it is the same");
    disk.bytes[RAFT_PAST_HEAD + 30] ^= 1;
    CHECK(store_sum(&s, RAFT_IMAGE_ROOM, &hash) == ERR_DATA_LOSS, "one that lacks a state is none");
    uint64_t revision = s.kv.revision;
    CHECK(store_numbers(&s, RAFT_COMMAND_COMPACT, revision, 0, 0) == ERR_OK, "what is rotten is forgotten");
    CHECK(store_numbers(&in_memory, RAFT_COMMAND_COMPACT, revision, 0, 0) == ERR_OK, "there too");
    CHECK(store_hash(&s) == store_hash(&in_memory), "then there is an image again");
    store_fini(&s);
    store_fini(&in_memory);
    store_fini(&again);
    past_disk_fini(&disk);
    past_disk_fini(&other);
}

/* Others have their turn between two pieces: 0.2 s for a window of old values otherwise. */
static void a_sum_is_made_by_pieces(void)
{
    static struct store s;
    struct past_disk disk = {0};
    struct raft_image_sum *sum = NULL;
    bool is_done = false;
    uint64_t found = 0, hash, pieces = 0, most = 0;

    store_init_past(&s, &disk, 0);
    fill(&s, ROUNDS);
    hash = store_hash(&s);
    REQUIRE(raft_image_sum_new(&s.kv, &sum) == ERR_OK, "a sum begins");
    while (!is_done) {
        uint64_t reads = disk.reads;
        REQUIRE(raft_image_sum_next(sum, 1000, &is_done, &found) == ERR_OK, "it goes on");
        CHECK(store_put(&s, key_of((int)(pieces % KEYS)), "later") == ERR_OK, "a put between two pieces");
        most = disk.reads - reads > most ? disk.reads - reads : most;
        pieces++;
    }
    raft_image_sum_free(sum);
    CHECK(most <= 20 && pieces > ROUNDS, "%" PRIu64 " reads in the longest of %" PRIu64 " pieces", most, pieces);
    CHECK(found == hash, "it is of the moment when it was begun");
    CHECK(store_sum(&s, 1000, &found) == ERR_OK && found == store_hash(&s) && found != hash, "the next one is of what came since");
    store_fini(&s);
    past_disk_fini(&disk);
}

static void what_is_forgotten_gives_its_room_back(void)
{
    static struct store s;
    struct past_disk disk = {0};

    store_init_past(&s, &disk, 0);
    for (int i = 0; i < 20; i++) {
        fill(&s, 5);
        CHECK(store_numbers(&s, RAFT_COMMAND_COMPACT, s.kv.revision, 0, 0) == ERR_OK, "compacted");
    }
    CHECK(disk.largest <= 12 * 2048, "the same room is used again: %zu bytes", disk.largest);
    fill(&s, ROUNDS);
    size_t most = disk.size;
    for (int i = 0; i < 2; i++) {
        CHECK(store_numbers(&s, RAFT_COMMAND_COMPACT, s.kv.revision, 0, 0) == ERR_OK, "compacted");
        fill(&s, 2); /* the chunk that was being filled, the last of the file, is left */
    }
    CHECK(most > 20 * 2048 && disk.size < most / 4, "and the end of the file is cut off: %zu of %zu", disk.size, most);
    CHECK(raft_past_bytes(s.kv.past) <= 6 * 2048, "it says so");
    store_fini(&s);
    past_disk_fini(&disk);
}

/* While an image is written, what it needs is kept, and goes to the disk as well. */
static void a_pin_keeps_it(void)
{
    static struct store s, then;
    struct past_disk disk = {0};
    static uint8_t part[RAFT_IMAGE_ROOM];
    struct raft_image image;
    size_t size = 0, bytes = 0;

    store_init_past(&s, &disk, 0);
    store_init(&then);
    fill(&s, 3);
    fill(&then, 3);
    CHECK(raft_image_begin(&image, &s.kv) == ERR_OK && raft_image_next(&image, part, sizeof part, 400, &size) == ERR_OK, "it begins");
    bytes = size;
    for (int i = 0; i < 20; i++) {
        fill(&s, 1);
        CHECK(store_numbers(&s, RAFT_COMMAND_COMPACT, s.kv.revision, 0, 0) == ERR_OK, "compacted");
    }
    CHECK(s.kv.held_bytes == s.kv.live_bytes, "memory has none of it");
    uint32_t check = 0;
    while (size > 0) {
        CHECK(raft_image_next(&image, part, sizeof part, 400, &size) == ERR_OK, "it goes on");
        bytes += size;
        check++;
    }
    raft_image_end(&image);
    CHECK(check > 5 && raft_image_begin(&image, &then.kv) == ERR_OK, "that of the other store");
    for (size = 1; size > 0;) {
        CHECK(raft_image_next(&image, part, sizeof part, sizeof part, &size) == ERR_OK, "in one piece");
        bytes -= size;
    }
    raft_image_end(&image);
    CHECK(bytes == 0, "it is as long as one of that moment");
    fill(&s, 1);
    CHECK(raft_past_bytes(s.kv.past) <= 3 * 2048, "when it has ended, all of that is given back");
    store_fini(&s);
    store_fini(&then);
    past_disk_fini(&disk);
}

/* Keys and values of all sizes that fit a chunk or a batch, and one more. */
static void sizes_at_their_limits(void)
{
    static const uint32_t sizes[] = {0, 1, 300 - RAFT_PAST_HEAD - 1, 300 - RAFT_PAST_HEAD, RAFT_PAST_LOOK - RAFT_PAST_HEAD - 1,
                                     RAFT_PAST_LOOK - RAFT_PAST_HEAD, 2048 - RAFT_PAST_HEAD - 1, 2048 - RAFT_PAST_HEAD};
    static char large[2048];
    static struct store s;
    struct past_disk disk = {0};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        store_init_past(&s, &disk, 0);
        memset(large, 'v', sizeof large);
        large[sizes[i]] = '\0';
        CHECK(store_put(&s, "k", large) == ERR_OK && store_put(&s, "k", "new") == ERR_OK, "%u bytes", sizes[i]);
        CHECK(store_put(&s, "k", "newer") == ERR_OK, "another");
        CHECK(strcmp(store_get(&s, "k", 1), large) == 0 && strcmp(store_get(&s, "k", 2), "new") == 0, "%u bytes are there", sizes[i]);
        bool is_in_memory = s.kv.journal.warm_bytes > 0;
        CHECK(is_in_memory == (sizes[i] + 1 + RAFT_PAST_HEAD > 2048), "what no chunk holds stays in memory: %u", sizes[i]);
        store_fini(&s);
        past_disk_fini(&disk);
    }
}

/* Records of 64, fifteen times 128 and again 64 bytes fill a chunk to its last byte, and the last one waits to be written
 * when the next one, which is of another chunk, comes: that need not be the next of the file. */
static void chunks_without_a_rest(void)
{
    static char value[128 - RAFT_PAST_HEAD];
    static struct store s;
    struct past_disk disk = {0};

    store_init_past(&s, &disk, 0);
    for (int i = 0; i < 400; i++) {
        bool is_short = i % 17 == 0 || i % 17 == 16;

        memset(value, 0, sizeof value);
        memset(value, 'a' + i % 26, (is_short ? 64 : 128) - RAFT_PAST_HEAD - 1);
        CHECK(store_put(&s, "k", value) == ERR_OK, "a put");
        uint64_t compact = s.kv.revision > 40 ? s.kv.revision - 40 : 0;
        CHECK(i % 5 > 0 || compact == 0 || store_numbers(&s, RAFT_COMMAND_COMPACT, compact, 0, 0) == ERR_OK, "compacted");
        for (uint64_t at = s.kv.journal.compacted + 1; at <= s.kv.revision && check_failures == 0; at++) {
            CHECK(store_get(&s, "k", at)[0] == 'a' + (int)(at - 1) % 26, "revision %" PRIu64 " of %d", at, i + 1);
        }
    }
    CHECK(disk.reads > 1000 && disk.largest <= 10 * 2048, "from a small file: %zu", disk.largest);
    store_fini(&s);
    past_disk_fini(&disk);
}

/* One key that is written again and again, and others between: what is read back for an image, and for one state of a key,
 * must not grow with how often it was written. */
enum { HOT = 20000 };

static void write_hot(struct store *s, int puts, int each, const char *key)
{
    char value[16];

    for (int i = 1; i <= puts; i++) {
        snprintf(value, sizeof value, "%d", i);
        CHECK(store_put(s, i % each == 0 ? key : key_of(i % KEYS), value) == ERR_OK, "a put");
    }
}

static void an_image_reads_each_state_once(void)
{
    static const struct { size_t want, most; } row[] = {{200, 3}, {4000, 2}, {RAFT_IMAGE_ROOM, 1}}; /* of reads a state */
    static uint8_t part[RAFT_IMAGE_ROOM];
    static struct store s;
    struct past_disk disk = {0};
    struct raft_image image;

    store_init_past(&s, &disk, 0);
    write_hot(&s, HOT, 1, "hot");
    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        uint64_t before = disk.reads, most = 0, pieces = 0;
        size_t size = 1;

        CHECK(raft_image_begin(&image, &s.kv) == ERR_OK, "it begins");
        while (size > 0 && pieces < HOT && check_failures == 0) {
            uint64_t reads = disk.reads, records = image.records;
            CHECK(raft_image_next(&image, part, sizeof part, row[i].want, &size) == ERR_OK, "a piece");
            CHECK(disk.reads - reads <= image.records - records + 4, "%zu: a piece of %" PRIu64 " states: %" PRIu64 " reads", row[i].want,
                  image.records - records, disk.reads - reads);
            pieces++;
        }
        most = HOT * row[i].most;
        CHECK(image.records == HOT && disk.reads - before <= most, "%zu: %" PRIu64 " states, %" PRIu64 " reads", row[i].want,
              image.records, disk.reads - before);
        raft_image_end(&image);
    }
    store_fini(&s);
    past_disk_fini(&disk);
}

/* An image that takes long: what was written since is between its states and the newest ones. */
static void an_image_passes_what_came_later(void)
{
    static uint8_t part[RAFT_IMAGE_ROOM];
    static struct store s;
    struct past_disk disk = {0};
    struct raft_image image;
    size_t size = 0;

    store_init_past(&s, &disk, 0);
    CHECK(store_put(&s, "hot", "first") == ERR_OK && raft_image_begin(&image, &s.kv) == ERR_OK, "it begins");
    write_hot(&s, HOT, 1, "hot");
    uint64_t before = disk.reads;
    CHECK(raft_image_next(&image, part, sizeof part, 4000, &size) == ERR_OK && image.records == 1, "and has that one");
    CHECK(disk.reads - before < 100, "%" PRIu64 " reads", disk.reads - before);
    raft_image_end(&image);
    store_fini(&s);
    past_disk_fini(&disk);
}

/* The most reads that a state of `key` takes, at some of all revisions, all of them right. */
static uint64_t most_reads(struct store *s, struct past_disk *disk, const char *key, int each)
{
    uint64_t most = 0;
    char value[16];

    for (uint64_t at = s->kv.journal.compacted + 1; at <= s->kv.revision && check_failures == 0; at += 97) {
        uint64_t before = disk->reads;
        const char *got = store_get(s, key, at);

        snprintf(value, sizeof value, "%" PRIu64, at / (uint64_t)each * (uint64_t)each);
        CHECK(strcmp(got, at < (uint64_t)each ? "-" : value) == 0, "revision %" PRIu64 ": %s", at, got);
        most = disk->reads - before > most ? disk->reads - before : most;
    }
    return most;
}

static void a_state_is_found_in_few_reads(void)
{
    static const struct { int each; uint64_t most; const char *what; } row[] = {
        {1, 100, "every change is of this key"},
        {4, 200, "one of four is"},
        {20, 600, "one of twenty is"},
        {5000, 4, "few are"},
    };

    for (size_t i = 0; i < ARRAY_LEN(row); i++) {
        static struct store s;
        struct past_disk disk = {0};

        store_init_past(&s, &disk, 0);
        write_hot(&s, HOT, row[i].each, "hot");
        uint64_t most = most_reads(&s, &disk, "hot", row[i].each);
        CHECK(most > 0 && most <= row[i].most, "%s: %" PRIu64 " reads", row[i].what, most);
        store_fini(&s);
        past_disk_fini(&disk);
    }
}

/* All of its changes are the newest ones, and what is looked for is long before: nothing there is of this key. */
static void a_state_long_before_is_found_in_few_reads(void)
{
    static struct store s;
    struct past_disk disk = {0};

    store_init_past(&s, &disk, 0);
    CHECK(store_put(&s, "hot", "first") == ERR_OK, "a put");
    write_hot(&s, HOT, HOT + 1, "hot");
    write_hot(&s, HOT / 10, 1, "hot");
    uint64_t before = disk.reads;
    CHECK(strcmp(store_get(&s, "hot", 1), "first") == 0 && strcmp(store_get(&s, "hot", HOT), "first") == 0, "the first");
    CHECK(disk.reads - before <= 2 * 800, "%" PRIu64 " reads", disk.reads - before);
    store_fini(&s);
    past_disk_fini(&disk);
}

struct watched {
    uint64_t first, last;
    uint32_t events;
};

static void note_watched(void *context, const struct raft_record *r, const struct raft_record *previous)
{
    struct watched *x = context;

    CHECK(strcmp(value_of((int)(r->modified - 1) / KEYS, (int)(r->modified - 1) % KEYS), text) == 0 &&
              memcmp(r->bytes + r->key_size, text, r->value_size) == 0, "what was put");
    CHECK(previous == NULL || previous->modified + KEYS == r->modified, "and what was before it");
    x->first = x->first == 0 ? r->modified : x->first;
    x->last = r->modified;
    x->events++;
}

static struct raft_seen watch_from(struct store *s, uint64_t from, bool with_previous, struct watched *ret)
{
    struct raft_watch w = {.span = store_span("", ""), .from = from, .with_previous = with_previous};
    struct raft_seen seen = {0};

    *ret = (struct watched){0};
    CHECK(raft_watch_collect(&s->kv, &w, SIZE_MAX, note_watched, ret, &seen) == ERR_OK, "from %" PRIu64, from);
    return seen;
}

/* A value in the middle has rotten: a watcher that comes by gets what was before it, and is told then that it missed
 * something; whoever is further on does not notice. */
static void a_watcher_gets_past_what_is_rotten(void)
{
    static struct store s;
    struct past_disk disk = {0};
    struct watched x;

    store_init_past(&s, &disk, 0);
    fill(&s, 4);
    size_t at = 0;
    for (int record = 1; record < 15; record++) { /* a chunk has as many as fit */
        at += RAFT_PAST_HEAD + strlen(key_of(0)) + strlen(value_of((record - 1) / KEYS, (record - 1) % KEYS));
        at = (at % 2048) + RAFT_PAST_HEAD + 4 + 206 > 2048 ? (at / 2048 + 1) * 2048 : at;
    }
    disk.bytes[at + RAFT_PAST_HEAD + 8] ^= 4;
    CHECK(strcmp(store_get(&s, key_of(4), 15), "DATA_LOSS") == 0, "the value of revision 15 is gone");
    struct raft_seen seen = watch_from(&s, 1, false, &x);
    CHECK(x.events == 14 && x.last == 14 && seen.lost == 15 && seen.next == 15 && seen.has_more, "what is before it: %u", x.events);
    seen = watch_from(&s, 15, false, &x);
    CHECK(x.events == 0 && seen.lost == 15, "it is said which one is lost");
    seen = watch_from(&s, 16, false, &x);
    CHECK(x.events == 25 && x.first == 16 && seen.lost == 0 && seen.next == s.kv.revision + 1, "behind it nothing is");
    seen = watch_from(&s, 16, true, &x);
    CHECK(x.events == 9 && x.last == 24 && seen.lost == 25, "but to whoever wants to know what was before: %u", x.events);
    store_fini(&s);
    past_disk_fini(&disk);
}

/* As many chunks as there may be, one record each, and a few more records. */
static void chunks_at_their_limit(void)
{
    enum { MORE = 5, SIZE = 2048 - RAFT_PAST_HEAD - 1 };
    static char value[SIZE + 1];
    static struct store s;
    struct past_disk disk = {0};

    store_init_past(&s, &disk, 0);
    memset(value, 'v', SIZE);
    for (int i = 0; i < RAFT_PAST_CHUNKS + MORE + 1; i++) {
        value[snprintf(value, SIZE, "%07d", i)] = 'v';
        CHECK(store_put(&s, "k", value) == ERR_OK, "a put");
        bool is_full = i > RAFT_PAST_CHUNKS;
        if (i == RAFT_PAST_CHUNKS || is_full) {
            uint64_t over = is_full ? (uint64_t)(i - RAFT_PAST_CHUNKS) : 0;
            CHECK(s.kv.past->chunks == RAFT_PAST_CHUNKS && s.kv.journal.warm_bytes == over * (SIZE + 1 + 64), "%d: what is too much stays in memory",
                  i);
        }
    }
    for (int i = 0; i < RAFT_PAST_CHUNKS + MORE + 1; i += i < RAFT_PAST_CHUNKS - 8 ? 113 : 1) {
        CHECK(atoi(store_get(&s, "k", (uint64_t)i + 1)) == i, "%d is there", i);
    }
    CHECK(store_numbers(&s, RAFT_COMMAND_COMPACT, 100, 0, 0) == ERR_OK && s.kv.journal.warm_bytes == 0, "with room it goes there");
    CHECK(atoi(store_get(&s, "k", RAFT_PAST_CHUNKS + MORE)) == RAFT_PAST_CHUNKS + MORE - 1 && disk.largest <= RAFT_PAST_CHUNKS * 2048,
          "into what was given back");
    store_fini(&s);
    past_disk_fini(&disk);
}

static void emptied_for_a_restore(void)
{
    static struct store s, from;
    struct past_disk disk = {0};

    store_init_past(&s, &disk, 0);
    fill(&s, 10);
    raft_kv_replace(&s.kv);
    CHECK(disk.size == 0 && raft_past_bytes(s.kv.past) == 0, "nothing is left on the disk");
    store_init(&from);
    fill(&from, 10);
    store_copy_into(&from, &s, 900);
    CHECK(count_lost(&s, 10) == 0 && disk.writes > 0, "and what comes in its place uses it");
    store_fini(&s);
    store_fini(&from);
    past_disk_fini(&disk);
}

int main(void)
{
    what_is_old_is_on_the_disk();
    a_full_disk_keeps_it_in_memory();
    a_rotten_byte_is_never_a_value();
    a_misplaced_or_short_read_is_never_a_value();
    an_image_needs_the_past();
    a_sum_is_made_by_pieces();
    what_is_forgotten_gives_its_room_back();
    a_pin_keeps_it();
    sizes_at_their_limits();
    chunks_without_a_rest();
    an_image_reads_each_state_once();
    an_image_passes_what_came_later();
    a_state_is_found_in_few_reads();
    a_state_long_before_is_found_in_few_reads();
    a_watcher_gets_past_what_is_rotten();
    chunks_at_their_limit();
    emptied_for_a_restore();
    return CHECK_RESULT();
}
