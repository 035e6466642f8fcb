/* Messages of any size through a channel's rings: whole, in order, in private memory; what has no room
 * waits, bounded, and its peer's sign comes; a peer that announces or cuts wrongly breaks the channel and
 * nothing else. */
#include <inttypes.h>

#include "common/base/rng.h"
#include "common/run/shm_core.h"
#include "common/run/shm_mail.h"
#include "tests/unit/run/shm_pair.h"

enum {
    CAPACITY = SHM_MAIL_CAPACITY_MIN,
    LIMIT = 1 << 20,
    HELD = 4 << 20,
    HELD_COUNT = 16,
    ROUNDS = 3000,
};

static const struct shm_mail_limits limits = {.size = LIMIT, .held = HELD, .held_count = HELD_COUNT};

struct pair {
    struct shm *channel[2];
    struct shm_mail *mail[2];
};

static void open_pair(struct pair *p)
{
    struct shm_shape shape = {.slots = 1, .stride = 128, .ring_bytes = shm_post_ring_bytes(CAPACITY)};

    shm_pair_open(p->channel, &shape);
    for (int side = 0; side < 2; side++) {
        REQUIRE(shm_mail_open(p->channel[side], &limits, &p->mail[side]) == ERR_OK, "side %d", side);
    }
}

static void close_pair(struct pair *p)
{
    for (int side = 0; side < 2; side++) {
        shm_mail_close(p->mail[side]);
        shm_close(p->channel[side]);
    }
}

/* What byte `i` of message `number` is. */
static uint8_t byte_of(uint32_t number, size_t i)
{
    return (uint8_t)(number * 131 + i * 7 + (i >> 11));
}

static bool post(struct shm_mail *m, uint32_t number, size_t size)
{
    uint8_t *at = shm_mail_room(m, number, size);

    if (at == NULL) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        at[i] = byte_of(number, i);
    }
    shm_mail_send(m);
    return true;
}

static bool is_intact(const struct shm_mail_message *got, uint32_t number, size_t size)
{
    if (got->number != number || got->size != size) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (got->data[i] != byte_of(number, i)) {
            return false;
        }
    }
    return true;
}

/* Take one, the sender pushing on meanwhile. */
static enum err take(struct pair *p, int from, struct shm_mail_message *ret)
{
    for (;;) {
        enum err e = shm_mail_take(p->mail[1 - from], ret);
        if (e != ERR_LATER || !shm_mail_can_flush(p->mail[from])) {
            return e;
        }
        CHECK(shm_mail_flush(p->mail[from]) == ERR_OK, "flushed");
    }
}

static void every_size_arrives_whole(void)
{
    static const size_t sizes[] = {0, 1, 47, 48, SHM_MAIL_PIECE - 1, SHM_MAIL_PIECE, SHM_MAIL_PIECE + 1,
                                   2 * SHM_MAIL_PIECE, CAPACITY / 2, CAPACITY, 3 * CAPACITY + 5, LIMIT};
    struct shm_mail_message got;
    struct pair p;

    open_pair(&p);
    for (int from = 0; from < 2; from++) {
        for (uint32_t i = 0; i < ARRAY_LEN(sizes); i++) {
            CHECK(post(p.mail[from], i, sizes[i]), "%zu bytes", sizes[i]);
            CHECK(take(&p, from, &got) == ERR_OK && is_intact(&got, i, sizes[i]), "%zu bytes", sizes[i]);
            CHECK(take(&p, from, &got) == ERR_LATER, "and nothing else");
        }
    }
    CHECK(shm_mail_room(p.mail[0], 1, LIMIT + 1) == NULL, "one more than the limit");
    close_pair(&p);
}

static void what_has_no_room_waits_in_order(void)
{
    enum { SIZE = SHM_MAIL_PIECE };
    struct shm_mail_message got;
    struct pair p;
    uint32_t sent = 0, taken = 0;
    size_t bytes;

    open_pair(&p);
    while (post(p.mail[0], sent, SIZE)) {
        sent++;
    }
    CHECK(!shm_mail_is_clear(p.mail[0]) && shm_mail_held(p.mail[0], &bytes) == HELD_COUNT &&
              bytes == HELD_COUNT * SIZE, "as many as may be held: %" PRIu32, sent);
    CHECK(!shm_mail_can_flush(p.mail[0]), "there is no room");
    while (take(&p, 0, &got) == ERR_OK) {
        CHECK(is_intact(&got, taken, SIZE), "message %" PRIu32, taken);
        taken++;
    }
    CHECK(taken == sent && shm_mail_is_clear(p.mail[0]), "all of them: %" PRIu32, taken);
    close_pair(&p);
}

static void who_waits_for_room_gets_a_sign(void)
{
    struct shm_mail_message got;
    struct pair p;

    open_pair(&p);
    REQUIRE(post(p.mail[0], 1, LIMIT), "more than the ring");
    CHECK(shm_mail_arm(p.mail[0]), "nothing to do: it sleeps");
    struct pollfd at = {.fd = shm_fd(p.channel[0]), .events = POLLIN};
    CHECK(poll(&at, 1, 0) == 0, "still full");
    CHECK(shm_mail_take(p.mail[1], &got) == ERR_LATER, "a part is there");
    CHECK(shm_mail_arm(p.mail[1]), "the reader sleeps: all room is told");
    CHECK(poll(&at, 1, 1000) == 1, "the sender is woken");
    CHECK(shm_disarm(p.channel[0]) == ERR_OK && shm_mail_can_flush(p.mail[0]), "and finds room");
    CHECK(!shm_mail_arm(p.mail[0]), "it may not sleep on that");
    CHECK(take(&p, 0, &got) == ERR_OK && is_intact(&got, 1, LIMIT), "whole");
    close_pair(&p);
}

static void a_roused_loop_is_not_woken_and_drains_later(void)
{
    struct pair p;

    open_pair(&p);
    CHECK(shm_mail_arm(p.mail[1]), "asleep");
    shm_rouse(p.channel[1]);
    REQUIRE(post(p.mail[0], 1, 10), "sent to one that is awake");
    struct pollfd at = {.fd = shm_fd(p.channel[1]), .events = POLLIN};
    CHECK(poll(&at, 1, 0) == 0, "no sign was made");
    CHECK(!shm_mail_arm(p.mail[1]), "something is there");
    shm_rouse(p.channel[1]);
    struct shm_mail_message got;
    CHECK(shm_mail_take(p.mail[1], &got) == ERR_OK && shm_mail_arm(p.mail[1]), "taken, asleep");
    REQUIRE(post(p.mail[0], 2, 10), "sent to a sleeper");
    shm_rouse(p.channel[1]);
    CHECK(poll(&at, 1, 1000) == 1, "the sign is still there for the loop");
    CHECK(shm_disarm(p.channel[1]) == ERR_OK && poll(&at, 1, 0) == 0, "which takes it off");
    close_pair(&p);
}

static void messages_are_private(void)
{
    struct shm_mail_message got;
    struct pair p;

    open_pair(&p);
    REQUIRE(post(p.mail[0], 1, 100) && shm_mail_take(p.mail[1], &got) == ERR_OK, "there");
    memset(p.channel[0]->mine + p.channel[0]->plan.ring_at + SHM_RING_ENDS, 0xff, CAPACITY);
    CHECK(is_intact(&got, 1, 100), "whatever the sender does to its half afterwards");
    close_pair(&p);
}

/* One record as a peer of ill will writes it. */
struct lie {
    uint32_t tag;
    uint32_t announced;
    uint32_t bytes; /* of the record */
    enum err wanted;
    const char *reason;
};

static const struct lie lies[] = {
    {4, 0, 8, ERR_MALFORMED, "a tag that is none"},
    {3, 0, 7, ERR_MALFORMED, "less than a head"},
    {3, 0, 0, ERR_MALFORMED, "nothing"},
    {2, 0, 8, ERR_MALFORMED, "the end of what never began"},
    {0, 0, SHM_MAIL_PIECE, ERR_MALFORMED, "the middle of what never began"},
    {1, LIMIT + 1, 8 + SHM_MAIL_PIECE, ERR_MALFORMED, "more than the limit"},
    {3, UINT32_MAX, 8, ERR_MALFORMED, "4 GiB"},
    {3, 10, 8, ERR_MALFORMED, "less than announced"},
    {3, 10, 8 + 11, ERR_MALFORMED, "more than announced"},
    {1, 100, 8 + 50, ERR_MALFORMED, "a small piece with others to come"},
    {1, 2 * SHM_MAIL_PIECE, 8, ERR_MALFORMED, "an empty piece with others to come"},
    {1, 2 * SHM_MAIL_PIECE, 8 + SHM_MAIL_PIECE, ERR_LATER, "an honest beginning"},
    {3, 10, 8 + 10, ERR_OK, "an honest message"},
};

static void liars_break_their_channel_only(void)
{
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        const struct lie *lie = &lies[i];
        static uint8_t bytes[SHM_MAIL_PIECE + SHM_MAIL_HEAD];
        struct shm_mail_message got;
        struct pair p;
        struct shm_post *post;

        open_pair(&p);
        shm_mail_close(p.mail[0]);
        p.mail[0] = NULL;
        REQUIRE(shm_post_open(p.channel[0], &post) == ERR_OK, "its rings");
        memcpy(bytes + 4, &lie->announced, sizeof lie->announced);
        REQUIRE(shm_post_send(post, lie->tag, bytes, lie->bytes, 0) == ERR_OK, "said");
        enum err e = shm_mail_take(p.mail[1], &got);
        CHECK(e == lie->wanted, "%s: %s", lie->reason, err_name(e));
        shm_post_close(post);
        close_pair(&p);
    }
}

static void a_second_beginning_is_a_lie(void)
{
    static uint8_t bytes[SHM_MAIL_PIECE + SHM_MAIL_HEAD];
    uint32_t announced = 2 * SHM_MAIL_PIECE;
    struct shm_mail_message got;
    struct shm_post *post;
    struct pair p;

    open_pair(&p);
    shm_mail_close(p.mail[0]);
    p.mail[0] = NULL;
    REQUIRE(shm_post_open(p.channel[0], &post) == ERR_OK, "its rings");
    memcpy(bytes + 4, &announced, sizeof announced);
    REQUIRE(shm_post_send(post, 1, bytes, sizeof bytes, 0) == ERR_OK, "begun");
    CHECK(shm_mail_take(p.mail[1], &got) == ERR_LATER, "half");
    memset(bytes, 0, SHM_MAIL_HEAD);
    REQUIRE(shm_post_send(post, 3, bytes, SHM_MAIL_HEAD, 0) == ERR_OK, "an empty one, whole");
    CHECK(shm_mail_take(p.mail[1], &got) == ERR_MALFORMED, "inside of another");
    shm_post_close(post);
    close_pair(&p);
}

/* A drawn history against a counter of its own on each side. */
static void drawn(uint64_t seed)
{
    static size_t size_of[2][ROUNDS];
    uint32_t sent[2] = {0}, taken[2] = {0};
    struct shm_mail_message got;
    struct pair p;
    struct rng rng;

    rng_init(&rng, seed);
    open_pair(&p);
    for (int round = 0; round < ROUNDS; round++) {
        int from = (int)rng_below(&rng, 2);
        size_t size = rng_below(&rng, 8) == 0 ? rng_below(&rng, 4 * CAPACITY) : rng_below(&rng, 200);
        if (rng_below(&rng, 2) == 0) {
            size_of[from][sent[from]] = size;
            sent[from] += post(p.mail[from], sent[from], size);
        } else if (rng_below(&rng, 4) == 0) {
            CHECK(shm_mail_flush(p.mail[from]) == ERR_OK, "seed %" PRIu64, seed);
        } else if (shm_mail_take(p.mail[1 - from], &got) == ERR_OK) {
            REQUIRE(is_intact(&got, taken[from], size_of[from][taken[from]]), "seed %" PRIu64, seed);
            taken[from]++;
        }
    }
    for (int from = 0; from < 2; from++) {
        while (take(&p, from, &got) == ERR_OK) {
            REQUIRE(is_intact(&got, taken[from], size_of[from][taken[from]]), "seed %" PRIu64, seed);
            taken[from]++;
        }
        CHECK(taken[from] == sent[from] && sent[from] > ROUNDS / 16, "seed %" PRIu64 ": %" PRIu32
              " of %" PRIu32, seed, taken[from], sent[from]);
    }
    close_pair(&p);
}

static void small_rings_are_refused(void)
{
    struct shm_shape shape = {.slots = 1, .stride = 128,
                              .ring_bytes = shm_post_ring_bytes(CAPACITY / 2)};
    struct shm_mail *m = NULL;
    struct shm *ends[2];

    shm_pair_open(ends, &shape);
    CHECK(shm_mail_open(ends[0], &limits, &m) == ERR_UNSUPPORTED && m == NULL, "half the least");
    shm_pair_close(ends);
    shm_pair_open(ends, &shm_pair_shape);
    CHECK(shm_mail_open(ends[0], &limits, &m) == ERR_UNSUPPORTED && m == NULL, "no ring at all");
    shm_pair_close(ends);
}

static void the_end_comes_after_what_was_sent(void)
{
    struct shm_mail_message got;
    struct pair p;

    open_pair(&p);
    REQUIRE(post(p.mail[0], 1, 10) && post(p.mail[0], 2, 10), "two");
    shm_mail_close(p.mail[0]);
    shm_close(p.channel[0]);
    CHECK(shm_mail_take(p.mail[1], &got) == ERR_OK && is_intact(&got, 1, 10), "the first");
    CHECK(shm_mail_take(p.mail[1], &got) == ERR_OK && is_intact(&got, 2, 10), "the second");
    CHECK(shm_disarm(p.channel[1]) == ERR_UNAVAILABLE, "then the end");
    shm_mail_close(p.mail[1]);
    shm_close(p.channel[1]);
}

int main(void)
{
    every_size_arrives_whole();
    what_has_no_room_waits_in_order();
    who_waits_for_room_gets_a_sign();
    a_roused_loop_is_not_woken_and_drains_later();
    messages_are_private();
    liars_break_their_channel_only();
    a_second_beginning_is_a_lie();
    small_rings_are_refused();
    the_end_comes_after_what_was_sent();
    for (uint64_t seed = 1; seed <= 8; seed++) {
        drawn(seed);
    }
    return CHECK_RESULT();
}
