/* SHM-11: the byte ring, one claim after the other; the peer's half cannot be written here. */
#include "common/run/shm_ring.h"

#include <inttypes.h>
#include <string.h>

#include "common/run/shm_ring_word.h"
#include "tests/support/check.h"
#include "tests/unit/run/ring_kit.h"

enum {
    CAPACITY = SHM_RING_CAPACITY_MIN,
    MOST = CAPACITY / 2 - SHM_RING_WORD, /* the largest message of that ring */
};

/* Take the next message, which must be `id`. */
static struct shm_ring_loan take(struct ring_kit *k, uint32_t size, uint64_t id)
{
    struct shm_ring_loan loan = {0};

    CHECK(shm_ring_take(k->in, &loan) == ERR_OK, "message %" PRIu64, id);
    CHECK(loan.size == size && loan.tag == id, "message %" PRIu64 ": %u, tag %u", id, loan.size,
          loan.tag);
    CHECK(ring_kit_is_filled(loan.payload, loan.size, id), "message %" PRIu64 " is whole", id);
    return loan;
}

static bool give(struct ring_kit *k, const struct shm_ring_loan *loan)
{
    bool wake = false;

    CHECK(shm_ring_release(k->in, loan, &wake) == ERR_OK, "a loan goes back");
    return wake;
}

static void nothing_there(struct ring_kit *k, enum err answer, const char *why)
{
    struct shm_ring_loan loan, before;

    memset(&loan, 7, sizeof loan);
    before = loan;
    enum err e = shm_ring_take(k->in, &loan);
    CHECK(e == answer, "%s: %s", why, err_name(e));
    CHECK(memcmp(&loan, &before, sizeof loan) == 0, "%s: untouched", why);
    CHECK(shm_ring_has_data(k->in) == (answer != ERR_LATER), "%s: the look agrees", why);
}

/* Send and take one message, to move both ends on by one record. */
static void pass_one(struct ring_kit *k, uint32_t size)
{
    REQUIRE(ring_kit_send(k, size, 1) == ERR_OK, "%u bytes fit", size);
    struct shm_ring_loan loan = take(k, size, 1);
    (void)give(k, &loan);
    (void)shm_ring_tell(k->in);
}

static const struct {
    uint64_t region;
    uint64_t capacity;
    const char *why;
} sizes[] = {
    {0, 0, "no region"},
    {SHM_RING_ENDS, 0, "only the ends"},
    {SHM_RING_ENDS + SHM_RING_CAPACITY_MIN - 1, 0, "one byte less than the smallest"},
    {SHM_RING_ENDS + SHM_RING_CAPACITY_MIN, SHM_RING_CAPACITY_MIN, "the smallest"},
    {SHM_RING_ENDS + 2 * SHM_RING_CAPACITY_MIN - 1, SHM_RING_CAPACITY_MIN, "a power of two"},
    {SHM_RING_ENDS + 2 * SHM_RING_CAPACITY_MIN, 2 * SHM_RING_CAPACITY_MIN, "the next"},
    {SHM_RING_ENDS + (uint64_t)SHM_RING_CAPACITY_MAX, SHM_RING_CAPACITY_MAX, "the largest"},
    {UINT64_MAX, SHM_RING_CAPACITY_MAX, "never more than that"},
};

static void a_ring_is_as_large_as_its_region_allows(void)
{
    static uint8_t page[2][SHM_RING_ENDS] __attribute__((aligned(SHM_RING_ENDS)));
    struct shm_ring_out out;
    static struct shm_ring_in in;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        enum err e = sizes[i].capacity == 0 ? ERR_INVALID : ERR_OK;
        CHECK(shm_ring_capacity(sizes[i].region) == sizes[i].capacity, "%s", sizes[i].why);
        CHECK(shm_ring_out_init(&out, page[0], page[1], sizes[i].region) == e, "%s", sizes[i].why);
        CHECK(shm_ring_in_init(&in, page[1], page[0], sizes[i].region) == e, "%s", sizes[i].why);
    }
    CHECK(shm_ring_message_max(CAPACITY) == MOST, "half the ring");
}

static void messages_come_as_they_were_sent(void)
{
    static const uint32_t size[] = {0, 1, 7, 8, 9, 64, 1000};
    struct shm_ring_loan loan[ARRAY_LEN(size)];
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    nothing_there(&k, ERR_LATER, "a fresh ring is empty");
    for (size_t i = 0; i < ARRAY_LEN(size); i++) {
        CHECK(ring_kit_send(&k, size[i], 100 + i) == ERR_OK, "size %u", size[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(size); i++) {
        loan[i] = take(&k, size[i], 100 + i);
        CHECK((uintptr_t)loan[i].payload % SHM_RING_WORD == 0, "aligned");
        CHECK((const uint8_t *)loan[i].payload > k.a_seen &&
                  (const uint8_t *)loan[i].payload < k.a_seen + k.bytes,
              "read where it was written");
    }
    nothing_there(&k, ERR_LATER, "all taken");
    CHECK(atomic_load(&k.out.own->tail) == k.in->next, "tools see how far it was reserved");
    CHECK(atomic_load(&k.out.own->records) == ARRAY_LEN(size), "and how many");
    ring_kit_close(&k);
}

/* Every size at every place of the ring's end. */
static void a_record_never_crosses_the_end(void)
{
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    for (uint32_t size = 0; size <= MOST; size += size < 64 ? 1 : 61) {
        for (uint32_t step = 0; step < 3; step++) {
            pass_one(&k, size);
        }
        pass_one(&k, 0);
    }
    for (uint32_t i = 0; i < CAPACITY / SHM_RING_WORD; i++) {
        pass_one(&k, MOST); /* an empty ring takes the largest wherever it stands */
        pass_one(&k, MOST - i % 64);
    }
    CHECK(k.in->next > (uint64_t)100 * CAPACITY, "many times around");
    ring_kit_close(&k);
}

static void too_large_is_refused_and_changes_nothing(void)
{
    struct shm_ring_room room;
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    memset(&room, 7, sizeof room);
    struct shm_ring_room before = room;
    CHECK(shm_ring_reserve(&k.out, MOST + 1, &room) == ERR_INVALID, "one byte too many");
    CHECK(shm_ring_reserve(&k.out, CAPACITY, &room) == ERR_INVALID, "the ring's size");
    CHECK(shm_ring_reserve(&k.out, UINT32_MAX, &room) == ERR_INVALID, "whatever fits the type");
    CHECK(memcmp(&room, &before, sizeof room) == 0, "untouched");
    CHECK(shm_ring_has_room(&k.out, MOST + 1), "nobody waits for what never fits");
    CHECK(k.out.tail == 0, "nothing reserved");
    CHECK(shm_ring_reserve(&k.out, MOST, &room) == ERR_OK, "the largest");
    shm_ring_commit(&k.out, &room, MOST, SHM_RING_TAG_MAX);
    CHECK(room.payload == NULL, "the reservation is over");
    struct shm_ring_loan loan;
    CHECK(shm_ring_take(k.in, &loan) == ERR_OK && loan.size == MOST, "comes whole");
    CHECK(loan.tag == SHM_RING_TAG_MAX, "with the largest tag");
    ring_kit_close(&k);
}

/* One message a word long each: how many fit, what the one after them is told, and who is woken. */
static void a_full_ring_says_so_and_whoever_waits_is_woken(void)
{
    enum { SPAN = 64, PAYLOAD = SPAN - SHM_RING_WORD, FIT = CAPACITY / SPAN - 1 };
    struct ring_kit k;
    uint32_t given = 0;

    ring_kit_open(&k, CAPACITY, true);
    for (uint32_t i = 0; i < FIT; i++) {
        CHECK(ring_kit_send(&k, PAYLOAD, i) == ERR_OK, "message %u fits", i);
    }
    CHECK(ring_kit_send(&k, PAYLOAD - SHM_RING_WORD, FIT) == ERR_OK, "to the last word but one");
    CHECK(!shm_ring_has_room(&k.out, 0), "the word behind the last record stays free");
    CHECK(ring_kit_send(&k, 0, 0) == ERR_LIMIT, "full");
    CHECK(atomic_load(&k.out.own->full) == 2, "counted");
    bool is_woken = false;
    while (!is_woken && given < FIT) {
        struct shm_ring_loan loan = take(&k, PAYLOAD, given++);
        CHECK(!shm_ring_has_room(&k.out, PAYLOAD), "not told of single records' room");
        is_woken = give(&k, &loan);
    }
    CHECK(given == FIT / SHM_RING_LAZY + 1, "woken at an eighth, %u", given);
    CHECK(shm_ring_has_room(&k.out, PAYLOAD), "and then there is room");
    CHECK(ring_kit_send(&k, PAYLOAD, 9) == ERR_OK, "which is used");
    struct shm_ring_loan loan = take(&k, PAYLOAD, given);
    CHECK(!give(&k, &loan), "nobody is woken twice for one wish");
    CHECK(!shm_ring_tell(k.in), "nor by the last word before sleeping");
    ring_kit_close(&k);
}

/* The last of the room must be told before the consumer sleeps, though it is less than an eighth. */
static void a_sleeping_consumer_has_told_all(void)
{
    struct shm_ring_loan first, second;
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    CHECK(ring_kit_send(&k, 56, 1) == ERR_OK && ring_kit_send(&k, MOST, 2) == ERR_OK, "two");
    CHECK(ring_kit_send(&k, CAPACITY - MOST - 96, 3) == ERR_OK, "and the rest of the ring");
    CHECK(ring_kit_send(&k, 16, 4) == ERR_LIMIT, "full");
    first = take(&k, 56, 1);
    second = take(&k, MOST, 2);
    CHECK(!give(&k, &first), "64 bytes are not worth telling");
    CHECK(!shm_ring_has_room(&k.out, 16), "not told");
    CHECK(shm_ring_tell(k.in), "but before sleeping they are, and somebody waits");
    CHECK(ring_kit_send(&k, 16, 4) == ERR_OK, "room enough");
    CHECK(!shm_ring_tell(k.in), "told already");
    (void)give(&k, &second);
    ring_kit_close(&k);
}

/* The wish of one waiter outlives the success of another: head passes what the second wanted. */
static void a_large_wish_survives_small_ones(void)
{
    enum { SPAN = CAPACITY / 16 };
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    for (uint32_t i = 0; i < 15; i++) {
        CHECK(ring_kit_send(&k, SPAN - SHM_RING_WORD, i) == ERR_OK, "message %u", i);
    }
    CHECK(ring_kit_send(&k, MOST, 0) == ERR_LIMIT, "the large one waits");
    uint64_t wish = atomic_load(&k.out.own->wants);
    CHECK(ring_kit_send(&k, SPAN - SHM_RING_WORD, 0) == ERR_LIMIT, "so does a small one");
    CHECK(atomic_load(&k.out.own->wants) == wish, "whose wish is the smaller");
    for (uint32_t i = 0; i < 3; i++) {
        struct shm_ring_loan loan = take(&k, SPAN - SHM_RING_WORD, i);
        CHECK(give(&k, &loan) == (i == 1), "told by the eighth");
    }
    CHECK(ring_kit_send(&k, SPAN - SHM_RING_WORD, 15) == ERR_OK, "a small one goes through");
    CHECK(atomic_load(&k.out.own->wants) == wish, "the wish stands");
    bool is_woken = false;
    for (uint32_t i = 3; i < 10 && !shm_ring_has_room(&k.out, MOST); i++) {
        struct shm_ring_loan loan = take(&k, SPAN - SHM_RING_WORD, i);
        is_woken = give(&k, &loan);
    }
    CHECK(is_woken, "what made the room woke who waited for it");
    ring_kit_close(&k);
}

static void loans_go_back_in_any_order(void)
{
    struct shm_ring_loan loan[4];
    struct ring_kit k;
    bool wake;

    ring_kit_open(&k, CAPACITY, true);
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(ring_kit_send(&k, 504, i) == ERR_OK, "message %u", i);
        loan[i] = take(&k, 504, i);
    }
    (void)give(&k, &loan[3]);
    (void)give(&k, &loan[1]);
    (void)shm_ring_tell(k.in);
    CHECK(atomic_load(&k.in->own->head) == 0, "the oldest is still out: nothing may be overwritten");
    (void)give(&k, &loan[0]);
    (void)shm_ring_tell(k.in);
    CHECK(atomic_load(&k.in->own->head) == loan[2].position, "up to the one that is out");
    CHECK(ring_kit_is_filled(loan[2].payload, 504, 2), "which is whole");
    while (ring_kit_send(&k, 504, 9) == ERR_OK) {
    }
    CHECK(ring_kit_is_filled(loan[2].payload, 504, 2), "though the ring was filled around it");
    for (uint32_t i = 0; i < 4; i++) {
        CHECK(shm_ring_release(k.in, &loan[i], &wake) == (i == 2 ? ERR_OK : ERR_INVALID),
              "loan %u: each goes back once", i);
    }
    loan[2].index = SHM_RING_LOANS_MAX;
    CHECK(shm_ring_release(k.in, &loan[2], &wake) == ERR_INVALID, "an index that never was");
    ring_kit_close(&k);
}

/* A loan given back long ago is not taken for the one that has its place now. */
static void an_old_loan_is_not_mistaken(void)
{
    struct shm_ring_loan old, now;
    struct ring_kit k;
    bool wake;

    ring_kit_open(&k, CAPACITY, true);
    CHECK(ring_kit_send(&k, 8, 1) == ERR_OK, "one");
    old = take(&k, 8, 1);
    (void)give(&k, &old);
    for (uint32_t i = 1; i < SHM_RING_LOANS_MAX; i++) {
        pass_one(&k, 8);
    }
    CHECK(ring_kit_send(&k, 8, 2) == ERR_OK, "another");
    now = take(&k, 8, 2);
    CHECK(now.index == old.index, "in the same place");
    CHECK(shm_ring_release(k.in, &old, &wake) == ERR_INVALID, "the old one is refused");
    CHECK(shm_ring_release(k.in, &now, &wake) == ERR_OK, "the new one is not");
    ring_kit_close(&k);
}

static void loans_have_a_limit(void)
{
    static struct shm_ring_loan loan[SHM_RING_LOANS_MAX];
    struct ring_kit k;

    ring_kit_open(&k, 16 * CAPACITY, true);
    for (uint32_t i = 0; i < SHM_RING_LOANS_MAX; i++) {
        CHECK(ring_kit_send(&k, 8, i) == ERR_OK, "message %u", i);
        loan[i] = take(&k, 8, i);
    }
    nothing_there(&k, ERR_LATER, "as many as may be out, and nothing more has come");
    CHECK(ring_kit_send(&k, 8, 77) == ERR_OK, "one more");
    nothing_there(&k, ERR_LIMIT, "must wait for a loan to come back");
    (void)give(&k, &loan[500]);
    nothing_there(&k, ERR_LIMIT, "the oldest, that is");
    (void)give(&k, &loan[0]);
    (void)take(&k, 8, 77);
    ring_kit_close(&k);
}

static void an_abandoned_reservation_is_skipped(void)
{
    struct shm_ring_room first, second, third;
    struct shm_ring_loan loan;
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    CHECK(shm_ring_reserve(&k.out, 100, &first) == ERR_OK, "one");
    CHECK(shm_ring_reserve(&k.out, 200, &second) == ERR_OK, "two");
    CHECK(shm_ring_reserve(&k.out, 300, &third) == ERR_OK, "three");
    ring_kit_fill(second.payload, 200, 2);
    shm_ring_commit(&k.out, &second, 200, 2);
    nothing_there(&k, ERR_LATER, "the second waits behind the first");
    CHECK(k.in->is_filling, "which is being written");
    shm_ring_abort(&k.out, &first);
    CHECK(first.payload == NULL, "over");
    CHECK(shm_ring_has_data(k.in), "something to look at");
    loan = take(&k, 200, 2);
    shm_ring_abort(&k.out, &third);
    nothing_there(&k, ERR_LATER, "an abandoned one is no message");
    CHECK(!k.in->is_filling, "and nobody writes");
    (void)give(&k, &loan);
    (void)shm_ring_tell(k.in);
    CHECK(atomic_load(&k.in->own->head) == k.out.tail, "its bytes are free again, before and behind");
    ring_kit_close(&k);
}

/* Committed shorter than reserved, by nothing, a byte, a word and all. */
static void a_message_may_be_shorter_than_its_reservation(void)
{
    static const uint32_t less[] = {0, 1, 7, 8, 9, 100};
    struct shm_ring_room room;
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    for (uint32_t i = 0; i < 20 * ARRAY_LEN(less); i++) {
        uint32_t size = 100 - less[i % ARRAY_LEN(less)];
        CHECK(shm_ring_reserve(&k.out, 100, &room) == ERR_OK, "turn %u", i);
        ring_kit_fill(room.payload, size, i);
        shm_ring_commit(&k.out, &room, size, i);
        CHECK(ring_kit_send(&k, 10, 1000 + i) == ERR_OK, "and one behind it");
        struct shm_ring_loan a = take(&k, size, i), b = take(&k, 10, 1000 + i);
        (void)give(&k, &a);
        (void)give(&k, &b);
        (void)shm_ring_tell(k.in);
    }
    CHECK(atomic_load(&k.in->own->head) == k.out.tail, "everything came back");
    ring_kit_close(&k);
}

/* The producer dies with reservations open: what it had committed comes, and then the truth. */
static void a_dead_writer_leaves_what_it_committed(void)
{
    struct shm_ring_room open[3];
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    CHECK(ring_kit_send(&k, 50, 1) == ERR_OK, "before");
    CHECK(shm_ring_reserve(&k.out, 500, &open[0]) == ERR_OK, "never committed");
    CHECK(ring_kit_send(&k, 60, 2) == ERR_OK, "by another thread");
    CHECK(shm_ring_reserve(&k.out, 8, &open[1]) == ERR_OK, "never committed");
    CHECK(shm_ring_reserve(&k.out, 0, &open[2]) == ERR_OK, "never committed");
    (void)take(&k, 50, 1);
    nothing_there(&k, ERR_LATER, "as long as it lives it may go on");
    shm_ring_in_dead(k.in);
    (void)take(&k, 60, 2);
    nothing_there(&k, ERR_PEER_DEAD, "the dead send nothing more");
    nothing_there(&k, ERR_PEER_DEAD, "however often one asks");
    ring_kit_close(&k);
}

static void a_dead_reader_stops_its_writers(void)
{
    struct shm_ring_room open, none;
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    CHECK(shm_ring_reserve(&k.out, 8, &open) == ERR_OK, "one is being written");
    while (ring_kit_send(&k, 100, 1) == ERR_OK) {
    }
    CHECK(!shm_ring_has_room(&k.out, 100), "another waits for room");
    shm_ring_out_dead(&k.out);
    CHECK(shm_ring_has_room(&k.out, 100), "and has waited long enough");
    CHECK(shm_ring_reserve(&k.out, 0, &none) == ERR_PEER_DEAD, "nobody reads");
    shm_ring_commit(&k.out, &open, 8, 0); /* does no harm */
    CHECK(shm_ring_reserve(&k.out, 0, &none) == ERR_PEER_DEAD, "for ever");
    ring_kit_close(&k);
}

#define WORD(kind, size) ((uint64_t)(uint32_t)(size) | (uint64_t)(kind) << 32)

/* Words of a hostile producer, at the position `at`, with nothing told to it since position 0. */
static const struct {
    uint64_t at;
    uint64_t word;
    enum err answer;
    const char *why;
} words[] = {
    {0, 0, ERR_LATER, "nothing"},
    {0, WORD(SHM_RING_NONE, 1), ERR_MALFORMED, "nothing, with a size"},
    {0, UINT64_C(1) << 40, ERR_MALFORMED, "nothing, with a tag"},
    {0, WORD(4, 8), ERR_MALFORMED, "a kind that is none"},
    {0, UINT64_MAX, ERR_MALFORMED, "all ones"},
    {0, WORD(SHM_RING_DATA, MOST), ERR_OK, "the largest message"},
    {0, WORD(SHM_RING_DATA, MOST + 1), ERR_MALFORMED, "one byte more"},
    {0, WORD(SHM_RING_DATA, INT32_MIN), ERR_MALFORMED, "the size that is its own negative"},
    {0, WORD(SHM_RING_DATA, UINT32_MAX), ERR_MALFORMED, "the size whose record wraps to nothing"},
    {CAPACITY - 8, WORD(SHM_RING_DATA, 0), ERR_MALFORMED, "the ring's last word, none behind it free"},
    {CAPACITY - 16, WORD(SHM_RING_DATA, 0), ERR_OK, "empty, at the last place there is"},
    {CAPACITY - 16, WORD(SHM_RING_DATA, 1), ERR_MALFORMED, "up to the end, none free behind it"},
    {CAPACITY - 64, WORD(SHM_RING_DATA, 64), ERR_MALFORMED, "across the end"},
    {0, WORD(SHM_RING_SKIP, 0), ERR_MALFORMED, "a skip of nothing: would never end"},
    {0, WORD(SHM_RING_SKIP, 4), ERR_MALFORMED, "a skip of half a word"},
    {0, WORD(SHM_RING_SKIP, 12), ERR_MALFORMED, "a skip to between words"},
    {0, WORD(SHM_RING_SKIP, 8), ERR_LATER, "a skip"},
    {0, WORD(SHM_RING_SKIP, CAPACITY - 8), ERR_LATER, "a skip of all but the last word"},
    {0, WORD(SHM_RING_SKIP, CAPACITY), ERR_MALFORMED, "a skip of more than was free"},
    {0, WORD(SHM_RING_SKIP, UINT32_MAX - 7), ERR_MALFORMED, "a skip of everything"},
    {CAPACITY - 64, WORD(SHM_RING_SKIP, 72), ERR_MALFORMED, "a skip across the end"},
    {0, WORD(SHM_RING_BUSY, UINT32_MAX), ERR_LATER, "whatever is being written"},
};

/* The same with a dead producer: what it left open is passed, if it can have been. */
static const struct {
    uint64_t word;
    enum err answer;
    const char *why;
} last_words[] = {
    {0, ERR_PEER_DEAD, "nothing"},
    {WORD(SHM_RING_BUSY, MOST), ERR_PEER_DEAD, "the largest reservation"},
    {WORD(SHM_RING_BUSY, CAPACITY), ERR_MALFORMED, "larger than the ring"},
    {WORD(SHM_RING_BUSY, UINT32_MAX), ERR_MALFORMED, "larger than any"},
};

/* Bring the consumer to position `at` without telling the producer. */
static void stand_at(struct ring_kit *k, uint64_t at)
{
    struct shm_ring_loan loan;

    if (at > 0) {
        atomic_store(ring_kit_word(k, 0), WORD(SHM_RING_SKIP, at));
        CHECK(shm_ring_take(k->in, &loan) == ERR_LATER, "on to %" PRIu64, at);
    }
}

static void hostile_words_break_the_ring_and_nothing_else(void)
{
    struct shm_ring_loan loan;
    struct ring_kit k;

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        ring_kit_open(&k, CAPACITY, true);
        stand_at(&k, words[i].at);
        atomic_store(ring_kit_word(&k, words[i].at), words[i].word);
        enum err e = shm_ring_take(k.in, &loan);
        CHECK(e == words[i].answer, "%s: %s", words[i].why, err_name(e));
        if (e == ERR_MALFORMED) {
            atomic_store(ring_kit_word(&k, words[i].at), WORD(SHM_RING_DATA, 0));
            nothing_there(&k, ERR_MALFORMED, "a broken ring stays broken");
        }
        ring_kit_close(&k);
    }
    for (size_t i = 0; i < ARRAY_LEN(last_words); i++) {
        ring_kit_open(&k, CAPACITY, true);
        atomic_store(ring_kit_word(&k, 0), last_words[i].word);
        shm_ring_in_dead(k.in);
        enum err e = shm_ring_take(k.in, &loan);
        CHECK(e == last_words[i].answer, "dead: %s: %s", last_words[i].why, err_name(e));
        ring_kit_close(&k);
    }
}

/* A producer that wraps for ever: at most once around without the consumer's leave. */
static void endless_skips_end(void)
{
    struct shm_ring_loan loan;
    struct ring_kit k;

    ring_kit_open(&k, CAPACITY, true);
    for (uint64_t at = 0; at < CAPACITY; at += SHM_RING_WORD) {
        atomic_store(ring_kit_word(&k, at), WORD(SHM_RING_SKIP, SHM_RING_WORD));
    }
    CHECK(shm_ring_take(k.in, &loan) == ERR_MALFORMED, "more skips than the ring has room for");
    CHECK(k.in->next == CAPACITY - SHM_RING_WORD, "once around");
    ring_kit_close(&k);
}

static const struct {
    uint64_t head;
    enum err answer;
    const char *why;
} heads[] = {
    {1024, ERR_LIMIT, "what was told before"},
    {1032, ERR_OK, "a word more: just enough"},
    {4096, ERR_OK, "everything that was reserved"},
    {4104, ERR_MALFORMED, "more than was reserved"},
    {1016, ERR_MALFORMED, "back"},
    {0, ERR_MALFORMED, "back to the beginning"},
    {1036, ERR_MALFORMED, "between words"},
    {UINT64_MAX - 7, ERR_MALFORMED, "far ahead"},
};

/* Four records of 1,024 bytes, the first of which came back: the next one needs a word more. */
static void hostile_heads_break_the_ring_and_nothing_else(void)
{
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        struct shm_ring_room room;
        struct ring_kit k;
        ring_kit_open(&k, CAPACITY, true);
        atomic_store(&k.in->own->head, 0);
        for (uint32_t n = 0; n < 4; n++) {
            CHECK(ring_kit_send(&k, 1016, n) == ERR_OK, "record %u", n);
            atomic_store(&k.in->own->head, 1024);
        }
        CHECK(k.out.head == 1024 && k.out.tail == 4096, "head is looked at when it is needed");
        atomic_store(&k.in->own->head, heads[i].head);
        enum err e = shm_ring_reserve(&k.out, 1016, &room);
        CHECK(e == heads[i].answer, "%s: %s", heads[i].why, err_name(e));
        atomic_store(&k.in->own->head, k.out.tail);
        enum err later = e == ERR_MALFORMED ? ERR_MALFORMED : ERR_OK;
        CHECK(shm_ring_reserve(&k.out, 0, &room) == later, "%s: for ever", heads[i].why);
        ring_kit_close(&k);
    }
}

int main(void)
{
    a_ring_is_as_large_as_its_region_allows();
    messages_come_as_they_were_sent();
    a_record_never_crosses_the_end();
    too_large_is_refused_and_changes_nothing();
    a_full_ring_says_so_and_whoever_waits_is_woken();
    a_sleeping_consumer_has_told_all();
    a_large_wish_survives_small_ones();
    loans_go_back_in_any_order();
    an_old_loan_is_not_mistaken();
    loans_have_a_limit();
    an_abandoned_reservation_is_skipped();
    a_message_may_be_shorter_than_its_reservation();
    a_dead_writer_leaves_what_it_committed();
    a_dead_reader_stops_its_writers();
    hostile_words_break_the_ring_and_nothing_else();
    endless_skips_end();
    hostile_heads_break_the_ring_and_nothing_else();
    return CHECK_RESULT();
}
